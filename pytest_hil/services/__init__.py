# SPDX-License-Identifier: Apache-2.0
"""What stands beside a board: broker, image server, stream clients. None of it knows boards or consoles."""
