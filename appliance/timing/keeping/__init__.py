"""The parts of the ensemble: settings, the first fix, minute means and what survives a restart.

Pure; `timing/ensemble` joins them, `timing/sources` judges what comes in.
"""
