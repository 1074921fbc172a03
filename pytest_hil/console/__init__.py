# SPDX-License-Identifier: Apache-2.0
"""Serial bytes to lines to events; panics as values; a log that reading does not consume."""
