"""What a connector's author runs: named rules, a workbench for one connector, builders."""
