# SPDX-License-Identifier: Apache-2.0
"""What all tests share: pytester, for the rig's own tests. The rig itself is an installed plugin."""

pytest_plugins = ["pytester"]
