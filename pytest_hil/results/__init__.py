# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind: one record a test, merged into results.json, and the files beside it."""
