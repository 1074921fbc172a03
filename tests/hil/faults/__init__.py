# SPDX-License-Identifier: Apache-2.0
"""The update under fire: what is done to it, row by row, and what must be seen. `make faults` runs all of them."""
