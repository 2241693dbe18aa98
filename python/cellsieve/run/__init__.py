"""Long runs: a task per image, in parallel, kept in a journal that a later run resumes."""
