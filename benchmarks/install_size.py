"""What the core install takes: megabytes of a new environment, CPU time of `import mien`, modules it loads.

python benchmarks/install_size.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROBE = """
import json, sys, time
before, start = set(sys.modules), time.process_time()
import mien
seconds = time.process_time() - start
heavy = {"torch", "matplotlib", "pandas", "sklearn", "fastapi", "cv2", "onnxruntime"} & set(sys.modules)
print(f"{seconds:.3f} s of CPU time, heavy modules: {sorted(heavy) or 'none'}")
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", str(ROOT)], check=True)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())
        print(f"environment with the core install: {size / 1e6:.0f} MB")
        for _ in range(3):
            probe = subprocess.run([python, "-c", PROBE], check=True, capture_output=True, text=True)
            print(f"import mien: {probe.stdout.strip()}")


if __name__ == "__main__":
    main()
