# SPDX-License-Identifier: Apache-2.0
"""Figures, not verdicts: `make benchmark` writes build/benchmark/latest.json, and nothing fails by its time."""
