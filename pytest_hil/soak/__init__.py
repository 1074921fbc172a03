# SPDX-License-Identifier: Apache-2.0
"""Endurance: one board updated back and forth, every cycle with another mix of clients and faults (`hil soak`)."""
