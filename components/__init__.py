"""Drawing: each takes data and returns what the user chose. Charts import no Streamlit."""
