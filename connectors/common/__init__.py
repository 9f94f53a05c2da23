"""Forms of question that several of the city's systems share; no system of its own."""
