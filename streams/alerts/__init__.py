"""Alert rules and what they find: `loading` reads them, `kinds` and `alert` fold events, `live` runs them."""
