"""What is wrong with what was asked for, in one line that says what to do."""


class SettingInvalid(Exception):
    """A setting of the stack is missing or wrong."""

    def __init__(self, setting: str, value: object, advice: str) -> None:
        super().__init__(f"{setting} = {value!r}: {advice}")
