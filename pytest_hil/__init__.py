# SPDX-License-Identifier: Apache-2.0
"""A rig for firmware that streams: boards, their consoles, the services beside them, and a verdict."""

__version__ = "0.1.0"
