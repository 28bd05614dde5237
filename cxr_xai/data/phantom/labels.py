"""Which findings occur together: label sets of NIH ChestX-ray14 and what goes with them."""

import math
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from cxr_xai.data.phantom.spec import Prevalence, View
from cxr_xai.findings import FINDINGS, INDEX

Sets = tuple[tuple[str, ...], ...]

# Counted in the release's Data_Entry_2017_v2020.csv: every label set seen 8 times or more (99 % of 112,120 images).
# One letter a finding, in the order of FINDINGS; "-" is No Finding.
_LETTERS = dict(zip("ACEIMNUXODYFTH", FINDINGS, strict=True))
_COUNTS = """
-:60361 I:9547 A:4215 E:3955 N:2705 X:2194 M:2139 EI:1604 AI:1350 O:1310 AE:1167 T:1126 C:1093 Y:892
IN:829 AEI:739 F:727 D:628 CE:484 IO:441 IM:420 EX:403 EM:402 AO:398 MN:396 ID:392 IX:347 XY:337
EO:337 U:322 ET:251 EN:250 AX:241 IT:210 CI:201 AN:201 AEO:200 IU:199 ED:189 IF:185 MX:179 AM:178
MO:151 NT:141 IUD:138 EIO:134 MT:132 NX:130 NO:128 EID:127 IY:126 CEI:120 AY:117 AT:117 H:110 AU:108
EIN:106 AF:104 AIO:104 EIM:99 AEX:99 EY:96 EIX:88 AC:88 UD:83 AEIO:81 XT:79 AEM:72 AIX:72 IXY:72
EIT:71 FT:70 ACE:68 IMN:67 AIM:67 MY:66 NF:66 EMO:65 EMN:65 EF:59 AIN:57 AXY:54 ACEI:54 EU:54 OD:49
XO:49 AD:48 AET:47 INO:47 EXY:47 OT:46 YT:46 AIT:45 AEIX:44 AEN:43 IMO:42 EIU:42 AEIT:41 CO:40
AIY:40 AEIM:38 EMT:38 AEMO:37 UO:36 CD:35 AID:35 CET:34 AIU:34 MF:34 EXT:34 AMO:34 ENT:31 IND:31
INX:31 ACI:31 MXY:30 MNT:30 INT:29 NY:29 ENO:28 ND:28 AIXY:27 AEY:26 IMT:25 IOD:25 AEID:24 EIY:24
OF:24 EMX:24 MNO:24 AMN:24 AXO:23 IMD:23 AEU:23 XF:23 CN:22 IXT:22 EXO:22 CEO:22 AED:22 EIMN:22
AEIN:21 EIUD:21 AH:21 AIF:21 IXO:20 IOT:20 NXY:20 OY:20 CY:19 NU:19 EUD:19 CED:18 CM:18 AXT:18
AEIU:18 MD:18 MNX:18 AEIY:18 EINT:17 IFT:16 INF:16 EIF:16 NFT:16 EIMT:16 IMY:16 ANO:16 AEMNO:16
AOT:16 AMX:16 IH:15 IMX:15 EIMO:15 EINO:15 MH:15 DT:15 AMY:15 AEF:15 MXT:15 EMD:15 AEXY:15 AEMN:15
CEN:15 AUO:15 ENX:15 CEM:14 CT:14 EYT:13 YF:13 IUO:13 IMNO:13 AEIMNO:13 XYT:13 DY:13 EIXY:12 ANT:12
CIO:12 ACEIO:12 AEMOT:11 UT:11 EOT:11 MU:11 INU:11 CEIN:11 EOD:11 MNF:11 EMNO:11 CEID:10 CID:10
AIMT:10 AIMO:10 ACO:10 EIDT:10 EXF:10 AOY:10 MOT:10 CEF:10 EIOT:10 END:10 EMY:10 EMNX:10 XOY:10
EINX:10 EIND:9 ACEO:9 IOF:9 IMU:9 AENO:9 AEOD:9 CX:9 EMNT:9 AEOT:9 CEY:9 ANX:9 IXF:9 EIMX:9 AEIMN:9
INY:8 EUO:8 CU:8 IMNX:8 AXOY:8 EFT:8 ANF:8 EMF:8 AIMN:8 IMNT:8 AFT:8 MND:8 EIMNT:8 CEIO:8
"""

# Logistic (view, sex) and linear (age) regressions of the same file on its 14 labels: intercept, then one a finding.
_AP = (-0.60, 0.32, -0.02, 0.31, 0.55, -0.14, -0.32, 0.05, -0.20, 1.11, 2.29, 0.08, -1.23, -0.61, -1.28)
_MALE = (0.25, 0.15, -0.38, -0.04, 0.04, 0.19, 0.05, 0.14, -0.29, -0.02, -0.19, 0.36, -0.12, 0.16, -0.56)
_AGE = (45.8, 3.7, -0.4, 2.9, -1.4, 1.2, 2.6, -2.0, -1.3, -1.4, -1.2, 3.5, 5.5, 2.8, 16.0)

# Patients of an enriched folder take turns: each slot is the finding that most of a patient's images have ("-": none in
# particular). Rare findings get more slots than those that come along with others anyway (A, E, I, O).
_TURNS = "CM-UNXTMHUYCAFXD-C-NUHX-CNMO-UTFXYU--HUXCNFM"

_PERSISTENCE = 0.4  # chance that the next film shows the same set: P(Effusion again) comes near the release's .49
_TURN_KEPT = 0.9  # share of an enriched patient's films that show the finding of the patient's turn


@cache
def label_sets() -> tuple[Sets, npt.NDArray[np.float64]]:
    """Return the label sets and their probabilities.

    >>> sets, probs = label_sets()
    >>> sets[0], round(float(probs[0]), 2)
    ((), 0.54)
    """
    pairs = [item.split(":") for item in _COUNTS.split()]
    counts = np.array([float(count) for _, count in pairs])
    return tuple(tuple(_LETTERS[c] for c in letters if c != "-") for letters, _ in pairs), counts / counts.sum()


@cache
def _sets_with(finding: str) -> tuple[Sets, npt.NDArray[np.float64]]:
    sets, probs = label_sets()
    keep = np.array([finding in findings for findings in sets])
    return tuple(findings for findings in sets if finding in findings), probs[keep] / probs[keep].sum()


def _pick(rng: np.random.Generator, table: tuple[Sets, npt.NDArray[np.float64]]) -> tuple[str, ...]:
    sets, probs = table
    return sets[min(int(np.searchsorted(np.cumsum(probs), rng.random(), side="right")), len(sets) - 1)]


def draw_label_sets(
    rng: np.random.Generator, prevalence: Prevalence, order: int, images: int
) -> tuple[tuple[str, ...], ...]:
    """Draw the findings of a patient's images, in the order of their dates.

    A film repeats the one before with probability 0.4 and is drawn anew otherwise, so that every film by itself
    follows the table whatever its number.

    Args:
        rng: the patient's stream.
        prevalence: ``nih`` draws from the release's table; ``enriched`` gives patient `order` the finding of its turn.
        order: the patient's place in its list, from 0.
        images: how many films.
    """
    turn = _TURNS[order % len(_TURNS)] if prevalence == "enriched" else "-"
    sets: list[tuple[str, ...]] = []
    for _ in range(images):
        again, kept = rng.random(2)
        table = _sets_with(_LETTERS[turn]) if turn != "-" and kept < _TURN_KEPT else label_sets()
        drawn = _pick(rng, table)
        sets.append(sets[-1] if sets and again < _PERSISTENCE else drawn)
    return tuple(sets)


def _linear(weights: tuple[float, ...], findings: tuple[str, ...]) -> float:
    return weights[0] + sum(weights[1 + INDEX[finding]] for finding in findings)


def _chance(weights: tuple[float, ...], findings: tuple[str, ...]) -> float:
    return 1.0 / (1.0 + math.exp(-_linear(weights, findings)))


def draw_view(rng: np.random.Generator, findings: tuple[str, ...]) -> View:
    """Draw PA or AP given the findings: the bedside film (AP) is the film of the very ill, hence of Edema."""
    return "AP" if rng.random() < _chance(_AP, findings) else "PA"


def draw_sex(rng: np.random.Generator, findings: tuple[str, ...]) -> Literal["M", "F"]:
    """Draw the patient's sex given the findings of the first film."""
    return "M" if rng.random() < _chance(_MALE, findings) else "F"


def draw_age(rng: np.random.Generator, findings: tuple[str, ...]) -> int:
    """Draw the age in years at the first film; left-skewed as in the release, between 1 and 95."""
    return int(min(max(_linear(_AGE, findings) + 33.0 * (1.0 - rng.gamma(4.0, 0.25)), 1), 95))
