"""Text and advice for every code in Kazakh, Russian and English, without Qt."""
