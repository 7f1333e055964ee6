"""Writes the set that comes from scikit-learn (run by make.sh).

Breast cancer, the diagnostic set: every benign row, and every tenth of the
malignant ones, so that the malignant are few.
"""
from sklearn.datasets import load_breast_cancer

data = load_breast_cancer()
names = [name.replace(" ", "_") for name in data.feature_names]

with open("breast_cancer.csv", "w") as out:
    out.write(",".join(names + ["label"]) + "\n")
    malignant = 0
    for row, target in zip(data.data, data.target):
        if target == 0:             # scikit-learn: 0 malignant, 1 benign
            malignant += 1
            if malignant % 10 != 0:
                continue
        out.write(",".join([repr(float(x)) for x in row] +
                           [str(1 - target)]) + "\n")
