"""What tables hold: columns, keys, rules, verdicts, and the words for them."""
