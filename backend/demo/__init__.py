"""The embedded demo's own assets: SAE weights, quiz, passages, labels. See README.md beside this
file.
"""
