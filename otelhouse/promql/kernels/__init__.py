"""Compiled loops over samples and over [series x steps].

A window's samples are values[low:high]: those with end - range < time <= end. Both ends only move on, as steps ascend.
Series' samples are ragged, at offsets[i]:offsets[i+1]. Each kernel fills `out` and `present`, [series x steps].
"""
