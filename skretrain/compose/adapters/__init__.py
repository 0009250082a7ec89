"""How each family of estimators goes on learning: one file per library, and a registry."""
