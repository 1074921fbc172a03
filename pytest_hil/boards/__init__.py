# SPDX-License-Identifier: Apache-2.0
"""How each kind of board starts, is reset, is flashed and is reached. One file a kind."""
