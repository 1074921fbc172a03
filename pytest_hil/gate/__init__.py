# SPDX-License-Identifier: Apache-2.0
"""Results and a policy to a verdict: ship or not, and why. Believes no summary."""
