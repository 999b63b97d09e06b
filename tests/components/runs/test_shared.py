from components.runs.shared import whose


def test_whose_history_it_is_depends_on_who_can_come_in():
    assert whose(True) == "Shared by everybody who uses this server."
    assert whose(False) == "Kept in cache/ on this machine."
