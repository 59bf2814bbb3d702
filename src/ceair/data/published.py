"""What others published on the benchmarks, row by row.

A line is: method | parameters in millions | PSNR/SSIM of each column, in the benchmark's order | their mean | source |
SSIM window | note. A dash stands for what was not published. Sources: `R` was read in the method's own repository, or
in that of the peer named (code, README, picture of the table, spreadsheet); `T` was copied from a table that the one
named published, and such copies contain mistakes. The window is that of the method's own evaluation code, `?` where we
could not read it; the two windows differ by up to 0.01 on the same images. `told` in a note marks methods that get
the true degradation as an input; all others are blind.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A published number: PSNR in dB, and SSIM where it was given."""

    psnr: float
    ssim: float | None


@dataclass(frozen=True)
class PublishedRow:
    """What somebody's method is said to score; the module explains source, window and note.

    Attributes:
        parameters: in millions, as published, with what comes on top of the network.
        scores: one for each column of the benchmark; empty if only the mean was published.
        window: `uniform` (7x7), `Gaussian` (11 taps) or `?`.
    """

    method: str
    parameters: str
    scores: tuple[Published, ...]
    average: Published
    source: str
    window: str
    note: str

    @property
    def told(self) -> bool:
        """Whether the method is told the degradation, which makes the task an easier one."""
        return self.note.startswith("told")


def _number(text: str) -> Published:
    psnr, _, ssim = text.partition("/")
    return Published(float(psnr), float(ssim) if ssim else None)


def _row(line: str) -> PublishedRow:
    cells = [cell.strip() for cell in line.split("|")]
    method, parameters, scores, average, source, window, note = [*cells, ""][:7]
    numbers = () if scores == "-" else tuple(map(_number, scores.split()))
    return PublishedRow(method, parameters, numbers, _number(average), source, window, note)


def _rows(table: str) -> tuple[PublishedRow, ...]:
    return tuple(_row(line) for line in table.strip().splitlines())


AIO3 = _rows(
    """
AirNet | 8.93 | 27.94/.962 34.90/.967 33.92/.933 31.26/.888 28.00/.797 | 31.20/.910 | R MoCE-IR, AdaIR | uniform
IDR | 15.34 | 29.87/.970 36.03/.971 33.89/.931 31.32/.884 28.04/.798 | 31.83/.911 | R VLU-Net | ?
PromptIR | 35.59 | 30.58/.974 36.37/.972 33.98/.933 31.31/.888 28.06/.799 \
   | 32.06/.913 | R | uniform | its checkpoint: Rain100L 37.44
NDR | 28.4 | 28.64/.962 35.42/.969 34.01/.932 31.36/.887 28.10/.798 | 31.51/.910 | R VLU-Net | ?
Gridformer | 34 | 30.37/.970 37.15/.972 33.93/.931 31.37/.887 28.11/.801 | 32.19/.912 | R MoCE-IR | ?
InstructIR-3D | 15.8 (+LM) | 30.22/.959 37.98/.978 34.15/.933 31.52/.890 28.30/.804 \
   | 32.43/.913 | R | Gaussian | told the task
Art-PromptIR | 33-36 | 30.83/.979 37.94/.982 34.06/.934 31.42/.891 28.14/.801 | 32.49/.917 | R MoCE-IR | ?
DaAIR | 6 | 32.30/.981 37.10/.978 33.92/.930 31.26/.884 28.00/.792 | 32.51/.913 | T a survey | ?
AnyIR | 6 | 31.75/.981 38.61/.984 34.12/.936 31.46/.893 28.20/.804 | 32.83/.920 | T a survey | ?
MoCE-IR-S | 11.478 | 30.94/.979 38.22/.983 34.08/.933 31.42/.888 28.16/.798 | 32.57/.916 | R | Gaussian
MoCE-IR | 25.354 | 31.34/.979 38.57/.984 34.11/.932 31.45/.888 28.18/.800 | 32.73/.917 | R | Gaussian
AdaIR | 28.785 | 31.06/.980 38.64/.983 34.12/.935 31.45/.892 28.19/.802 | 32.69/.918 | R | uniform
Perceive-IR | 42.02 (+DINO/CLIP 86) | 30.87/.975 38.29/.980 34.13/.934 31.53/.890 28.31/.804 \
   | 32.63/.917 | T DACG-IR | ?
DA-RCOT | 50.9 | 31.26/.977 38.36/.983 33.98/.934 31.33/.890 28.10/.801 | 32.60/.917 | R | ?
VLU-Net | 35 (+CLIP 88) | 30.71/.980 38.93/.984 34.13/.935 31.48/.892 28.23/.804 | 32.70/.919 | R | ?
CPL_PromptIR | 36 | 31.27/.980 38.77/.985 34.15/.933 31.50/.889 28.23/.800 | 32.78/.917 | T a survey | ?
DCPT_PromptIR | 35 | 31.91/.981 38.43/.983 34.17/.933 31.53/.889 28.30/.802 | 32.87/.918 | T a survey | ?
DFPIR | 31.1 (+CLIP 63) | 31.87/.980 38.65/.982 34.14/.935 31.47/.893 28.25/.806 \
   | 32.88/.919 | R | uniform | told the degradation
BioIR-L | 15.847 | 31.69/.981 38.63/.984 34.19/.937 31.54/.895 28.28/.809 | 32.87/.921 | T DACG-IR | uniform
MIRAGE-T | 6.21 | - | 32.77/.919 | T notes on its paper | ?
MIRAGE-S | 9.68 | 31.86/.981 38.94/.985 34.12/.935 31.46/.891 28.19/.803 | 32.91/.919 | T a survey | ?
DACG-IR-S | 13.85 | 31.82/.982 39.07/.986 34.21/.933 31.55/.890 28.29/.802 | 32.99/.919 | R | Gaussian
DACG-IR | 30.86 | 31.60/.983 39.28/.986 34.25/.938 31.60/.892 28.35/.808 | 33.02/.921 | R | Gaussian
ABAIR | 41 | 33.53/.984 38.69/.982 34.18/.935 31.38/.890 28.25/.804 \
   | 33.21/.919 | T a survey | ? | further training data
Restormer | 26.1 | 30.43/.975 36.55/.975 33.84/.931 31.18/.885 27.90/.790 | 31.98/.911 | R DFPIR | ? | run by DFPIR
"""
)

AIO5 = _rows(
    """
AirNet | 8.93 | 21.04/.884 32.98/.951 30.91/.882 24.35/.781 18.18/.735 | 25.49/.846 | R | uniform
IDR | 15.34 | 25.24/.943 35.63/.965 31.60/.887 27.87/.846 21.34/.826 | 28.34/.893 | R | ?
PromptIR | 35.59 | 26.54/.949 36.37/.970 31.47/.886 28.71/.881 22.68/.832 | 29.15/.904 | R VLU-Net | uniform
PromptIR | 35.59 | 30.41/.972 36.17/.970 31.20/.885 27.93/.851 22.89/.829 | 29.72/.901 | R DA-RCOT | ? | run by DA-RCOT
Gridformer | 34 | 26.79/.951 36.61/.971 31.45/.885 29.22/.884 22.59/.831 | 29.33/.904 | R | ?
InstructIR-5D | 15.8 | 27.10/.956 36.84/.973 31.40/.887 29.40/.886 23.00/.836 \
   | 29.55/.907 | R | Gaussian | told the task
DaAIR | 6 | 31.97/.980 36.28/.975 31.07/.878 29.51/.890 22.38/.825 | 30.24/.910 | T a survey | ?
AnyIR | 6 | 31.41/.980 38.51/.983 31.37/.891 28.85/.883 23.11/.856 | 30.65/.919 | T a survey | ?
MoCE-IR-S | 11.478 | 31.33/.978 37.21/.978 31.25/.884 28.90/.877 21.68/.851 | 30.08/.913 | R | Gaussian
MoCE-IR | 25.354 | 30.48/.974 38.04/.982 31.34/.887 30.05/.899 23.00/.852 | 30.58/.919 | R | Gaussian
AdaIR | 28.785 | 30.53/.978 38.02/.981 31.35/.889 28.12/.858 23.00/.845 | 30.20/.910 | R | uniform
Perceive-IR | 42.02 | 28.19/.964 37.25/.977 31.44/.887 29.46/.886 22.88/.833 | 29.84/.909 | T another table | ?
DA-RCOT | 50.9 | 30.96/.975 37.87/.980 31.23/.888 28.68/.872 23.25/.836 | 30.40/.911 | R | ?
VLU-Net | 35 (+CLIP 88) | 30.84/.980 38.54/.982 31.43/.891 27.46/.840 22.29/.833 | 30.11/.905 | R | ?
CPL_PromptIR | 36 | 30.82/.978 38.20/.983 31.41/.887 28.72/.874 23.65/.855 | 30.55/.915 | T a survey | ?
DCPT_PromptIR | 35 | 30.72/.977 37.32/.978 31.32/.885 28.84/.877 23.35/.840 | 30.31/.911 | T a survey | ?
DFPIR | 31.1 (+CLIP 63) | 31.64/.979 37.62/.978 31.29/.889 28.82/.873 23.82/.843 \
   | 30.64/.913 | R | uniform | told the degradation
BioIR-L | 15.847 | 31.77/.981 38.75/.985 31.52/.894 29.61/.889 23.29/.862 | 30.99/.922 | T DACG-IR | uniform
MIRAGE-S | 9.68 | 31.45/.980 38.92/.985 31.41/.892 28.10/.858 23.59/.858 | 30.68/.914 | T a survey | ?
DACG-IR-S | 13.85 | 31.40/.980 38.94/.985 31.51/.889 29.11/.881 22.84/.858 | 30.76/.919 | R | Gaussian
DACG-IR | 30.86 | 31.63/.981 39.24/.986 31.57/.890 29.58/.891 23.35/.864 | 31.07/.922 | R | Gaussian
ABAIR | 41 | 33.46/.983 38.18/.983 31.38/.898 29.00/.878 24.20/.865 \
   | 31.24/.921 | T a survey | ? | further training data
Restormer | 26.1 | 24.09/.927 34.81/.962 31.49/.884 27.22/.829 20.41/.806 | 27.60 | R AdaIR | ? | run by IDR
NAFNet | 17.1 | 25.23/.939 35.56/.967 31.02/.883 26.53/.808 20.49/.809 | 27.76 | R AdaIR | ? | run by IDR
"""
)

CDD11 = _rows(
    """
input | - | 12.00/.369 15.87/.808 22.02/.792 23.62/.879 14.94/.531 14.61/.416 13.50/.383 \
   14.78/.714 14.79/.739 15.25/.483 14.63/.495 | 16.00/.601 | R | uniform
AirNet | 8.93 | 24.83/.778 24.21/.951 26.55/.891 26.79/.919 23.23/.779 22.82/.710 23.29/.723 \
   22.21/.868 23.29/.901 21.80/.708 22.24/.725 | 23.75/.814 | R | uniform
TransWeather | 21.9 | 23.39/.725 23.95/.924 26.69/.899 25.74/.890 22.24/.721 22.62/.694 21.80/.661 \
   23.10/.876 22.34/.868 21.55/.678 21.01/.655 | 23.13/.781 | R | uniform
WeatherDiff | 82.96 | 23.58/.763 21.99/.904 24.85/.885 24.80/.888 21.83/.756 22.69/.730 22.12/.707 \
   21.25/.868 21.99/.868 21.23/.716 21.04/.698 | 22.49/.799 | R | uniform
PromptIR | 38.45 | 26.32/.805 26.10/.969 31.56/.946 31.53/.960 24.49/.789 25.05/.771 24.51/.761 \
   24.54/.924 23.70/.925 23.74/.752 23.33/.747 | 25.90/.850 | R | uniform
WGWSNet | 25.76 | 24.39/.774 27.90/.982 33.15/.964 34.43/.973 24.27/.800 25.06/.772 24.60/.765 \
   27.23/.955 27.65/.960 23.90/.772 23.97/.771 | 26.96/.863 | R | uniform
MIRNet | 31.8 | 25.89/.806 26.51/.964 31.72/.941 31.77/.957 24.09/.790 24.66/.764 24.29/.756 \
   24.97/.917 24.98/.924 23.43/.752 23.33/.750 | 25.97/.847 | R | uniform
MPRNet | 15.7 | 26.34/.815 24.36/.962 31.81/.953 31.60/.962 23.80/.799 24.48/.774 24.72/.771 \
   23.43/.921 23.88/.931 22.81/.762 22.92/.761 | 25.47/.856 | R | uniform
Restormer | 26.1 | 26.29/.816 28.35/.981 33.10/.958 33.43/.967 24.80/.803 25.28/.786 24.99/.775 \
   26.80/.943 26.15/.947 23.90/.769 23.82/.764 | 26.99/.865 | R | uniform
DGUNet | 17.3 | 26.03/.803 29.06/.974 32.06/.947 32.10/.958 24.74/.801 25.17/.772 24.83/.763 \
   27.32/.934 26.92/.939 24.19/.765 23.72/.760 | 26.92/.856 | R | uniform
NAFNet | 17.1 | 24.50/.736 25.34/.960 29.24/.899 29.54/.931 21.91/.747 22.75/.665 22.79/.676 \
   23.67/.871 23.86/.904 21.03/.682 20.82/.690 | 24.13/.796 | R | uniform
SRUDC | 6.8 | 25.92/.808 32.06/.990 32.87/.954 33.89/.967 24.96/.801 24.82/.766 24.46/.760 \
   28.29/.943 28.79/.956 23.95/.757 24.01/.759 | 27.64/.860 | R | uniform
OneRestore, blind | 5.98 | 26.48/.826 32.52/.990 33.40/.964 34.31/.973 25.79/.822 25.58/.799 25.19/.789 \
   29.99/.957 30.21/.964 24.78/.788 24.90/.791 | 28.47/.878 | R | uniform
OneRestore, told | 5.98 | 26.55/.827 32.71/.991 33.48/.964 34.50/.974 26.15/.829 25.83/.803 25.56/.797 \
   30.27/.960 30.46/.966 25.18/.795 25.28/.797 | 28.72/.882 | R | uniform | told the degradation
MoCE-IR-S | 11.48 | 27.26/.824 32.66/.990 34.31/.970 35.91/.980 26.24/.817 26.25/.800 26.04/.793 \
   29.93/.964 30.19/.970 25.41/.789 25.39/.790 | 29.05/.881 | T DACG-IR | Gaussian
BioIR-T | 1.317 | 27.14/.834 34.77/.992 34.48/.970 36.26/.979 26.11/.830 26.17/.809 26.01/.804 \
   31.64/.968 31.60/.972 25.22/.799 25.34/.802 | 29.52/.887 | R | uniform
DACG-IR-S | 13.85 | 27.41/.827 35.03/.993 34.40/.971 36.02/.980 26.89/.826 26.50/.806 26.36/.800 \
   31.36/.969 31.57/.974 25.94/.799 25.91/.798 | 29.76/.886 | R | Gaussian
MIRAGE-S | 10 | - | 29.33/.887 | T notes on its paper | ?
OKNet | - | - | 26.33/.861 | R OneRestore | uniform
MIRNetv2 | - | - | 25.37/.834 | R OneRestore | uniform
Fourmer | - | - | 23.44/.789 | R OneRestore | uniform
"""
)
