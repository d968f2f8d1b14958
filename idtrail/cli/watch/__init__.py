"""The screen of `idtrail watch`: `board` holds what is known, `tables` shows it in so many columns, `source` asks
and follows the API, `app` draws. Only `app` and `listing` know Textual."""
