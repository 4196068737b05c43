"""The declarative pipeline makes of the raw tables what stage clean makes, and answers the questions."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import spark_session
from asking import ask
from cells import difference
from harness.pipeline import USER_ID, Gateway, pinlake, run_stages
from pinlake import dataset
from pinlake.dataset import load
from pinlake.engine.spark.pipeline import declared
from spark_homes import filled
