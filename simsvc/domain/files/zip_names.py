"""Guess the encoding of file names in a ZIP that does not state it.

Such names use the encoding of the packing machine: UTF-8 on macOS, the "OEM" code page on Windows. Each
encoding that can decode all names is scored by how common the resulting characters are. Source: APPNOTE.TXT,
appendix D.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Collection, Sequence

UTF8 = "UTF-8"
DEFAULT = "CP437"
"""Default encoding of a ZIP. Source: APPNOTE.TXT, appendix D.1."""
UNICODE_PATH = 0x7075
"""Extra field with a UTF-8 name. Source: APPNOTE.TXT, 4.6.9."""

_HANZI = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种"
    "事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心本前开但因只从想实日军者意无力它与长把机十民第公"
    "此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特"
    "代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电"
    "数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界"
    "王李张刘陈杨赵黄周吴徐孙胡朱林何郭罗梁宋郑谢韩唐冯董萧程曹袁邓傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
    "范石姚谭廖邹熊陆郝孔崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易武乔贺赖龚"
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛超秀霞刚桂英华玉萍红玲建国志明永健鑫浩宇轩梓涵婷欣怡佳雪梅兰琴云莲燕鹏辉斌波飞俊峰"
    "照片身份证正反面客户投保险申请体检脸头像扫描件户口护驾驶本人图副复印号编档案原始新旧左右男女岁"
)
_HANZI_TRADITIONAL = frozenset(
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家"
    "種事成方多經去法學如都同現當沒動面起看定天分還進好小部其些主樣理心本前開但因只從想實日者意無力與長把機十民第公此已工"
    "使情明性知全三又關點正業外將兩高間由問很最重並物手應向頭文體政美相見被利什二等產或新己制身果加西月話合回特代內信"
    "王李張劉陳楊趙黃周吳徐孫胡朱林何郭羅梁宋鄭謝韓唐馮董蕭程曹袁鄧傅沈曾彭呂蘇盧蔣蔡賈丁魏薛葉余潘杜戴夏鍾汪田任姜"
    "范石姚譚廖鄒熊陸郝孔崔康毛邱秦江史顧侯邵孟龍萬段雷錢湯尹黎易武賀賴龔莊游詹"
    "偉芳娜敏靜麗強磊軍洋勇豔傑娟濤超秀霞剛桂英華玉萍紅玲建志明永健鑫浩宇軒婷欣怡佳雪梅蘭琴雲蓮燕鵬輝斌波飛俊峰淑惠雅"
    "君豪家宏文宗美珍照片身份證正反面客戶投保險申請體檢臉像掃描件護駕駛本人圖副影號編檔案原始新舊左右男女歲"
)
_KANJI = frozenset(
    "日一国人年大十二本中長出三時行見月分後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水半男"
    "西電校語土木聞食車何南万毎白天母火右読友左休父雨佐藤鈴木高橋田中渡辺伊山本中村小林加吉佐々松井上口斎清林崎森池阿部石"
    "橋前藤岡後坂遠青西福太三浦竹内原松金和岸谷島野村新宮本平大塚崎柴酒井工横安菊丸今河藤武上杉千葉岩桜久保"
    "美恵子由香里直樹健一郎太浩二裕也明真理愛翔優陽菜結衣葵蓮悠人写真証明書身分顔正面免許履歴保険申込契約者氏名画像"
)
_HANGUL = frozenset(
    "이김박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민진지나엄채원천방공현함변염여추도소석선"
    "설마길연위표명기반왕금옥육인맹제모탁국어은편용예경봉사부가"
    "수영미희순자숙호준동재철훈혜아린윤서연지우민준하은채원시예다라태건혁규상병종광형석승환식일규열근범찬덕만복창"
    "사진증명서신분얼굴정면고객보험청약면허주민등록앞뒤원본사본파일새폴더년월일의는을를에과와로가고스트리니대그시한해"
)
_LATIN = frozenset("äöüßÄÖÜéèêëÉÈàâáÀçÇñÑóôíîïúùû")
_LATIN_RARER = frozenset("ÊãåæÁÂÅÆòõøÓÔÕØìÍÎÚÛýÿœŒšŠžŽ")
_CYRILLIC = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяёАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁ")
_CYRILLIC_VOWELS = frozenset("аеиоуыэюяёАЕИОУЫЭЮЯЁ")
"""Characters of personal names, typical file names and the most frequent ones, collected by hand.
`tests/simsvc/domain/files/test_zip_names.py` checks them against names in each language."""

_KANA = re.compile(r"[\u3041-\u309f\u30a1-\u30ff]")
_BESIDE_LETTERS = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f]|[^\x00-\x7f](?=[A-Za-z])")
_WORD = re.compile(r"[^\W\d_]+")
SELDOM, SELDOM_SYLLABLE, RARE = 0.4, 0.2, 0.1
"""Weights of characters outside the lists (inside: 1): first level of the standard, Hangul, and others."""
SELDOM_LETTER = 0.5
"""Weight of rare letters and of words in capitals."""
SHORTEST_WORD = 3
"""Minimum letters; shorter byte sequences are words in some code page."""


def _east_asian(
    usual: Collection[str], codec: str, last_lead: int, seldom: float = SELDOM
) -> Callable[[str], float]:
    """Score ideographs or syllables; the first level has lead bytes up to `last_lead` in `codec`."""

    def of(character: str) -> float:
        if character in usual or _KANA.match(character):
            return 1.0
        code = character.encode(codec, "ignore")
        return (seldom if code[0] <= last_lead else RARE) if len(code) == 2 and character.isalpha() else 0.0

    def weight(text: str) -> float:
        """Score a text, halved if letters follow directly."""
        alone = sum(of(character) for character in _BESIDE_LETTERS.sub("", text) if not character.isascii())
        every = sum(of(character) for character in text if not character.isascii())
        return (alone + every) / 2

    return weight


def _latin(text: str) -> float:
    weights = {**dict.fromkeys(_LATIN, 1.0), **dict.fromkeys(_LATIN_RARER, SELDOM_LETTER)}
    words = [word for word in _words(text) if 3 * sum(letter.isascii() for letter in word) >= len(word)]
    return sum(weights.get(letter, 0.0) for word in words for letter in word)


def _cyrillic(text: str) -> float:
    """Score letters of pronounceable Russian words, less for words in capitals."""
    russian = (word for word in _words(text) if _CYRILLIC.issuperset(word))
    words = [word for word in russian if _CYRILLIC_VOWELS & set(word)]
    return sum(len(word) * (SELDOM_LETTER if word.isupper() else 1.0) for word in words)


def _words(text: str) -> list[str]:
    """Return the words of a text with normal case, unlike "ХЕИэ"."""
    words = [word for word in _WORD.findall(text) if len(word) >= SHORTEST_WORD]
    return [word for word in words if word.islower() or word.isupper() or word.istitle()]


ENCODINGS: tuple[tuple[str, str, Callable[[str], float]], ...] = (
    ("GBK", "gb18030", _east_asian(_HANZI, "gb2312", 0xD7)),
    ("Big5", "big5hkscs", _east_asian(_HANZI_TRADITIONAL, "big5", 0xC6)),
    ("Shift-JIS", "cp932", _east_asian(_KANJI, "shift_jis", 0x97)),
    ("EUC-KR", "cp949", _east_asian(_HANGUL, "euc_kr", 0xC8, SELDOM_SYLLABLE)),
    (DEFAULT, "cp437", _latin),
    ("CP850", "cp850", _latin),
    ("CP1252", "cp1252", _latin),
    ("CP866", "cp866", _cyrillic),
    ("CP1251", "cp1251", _cyrillic),
)
"""Name, Python codec and scoring function of each encoding; the first wins a tie.
First levels: GB 2312, rows 16 to 55; Big5, A4 to C6; JIS X 0208, rows 16 to 47; KS X 1001, rows 16 to 40."""


def decoded(raws: Sequence[bytes], known: Collection[str] = ()) -> tuple[str, list[str]]:
    """Return the most likely encoding of a ZIP's raw names, and the decoded names.

    Of several, the encoding that gives most of the `known` names, from a table, wins.
    """
    if all(raw.isascii() for raw in raws):
        return UTF8, [raw.decode("ascii") for raw in raws]
    if (utf8 := _all_decoded(raws, "utf-8")) is not None:
        return UTF8, utf8
    best, names, most = DEFAULT, [raw.decode("cp437") for raw in raws], (0, 0.0)
    for name, codec, weigh in ENCODINGS:
        texts = _all_decoded(raws, codec)
        if texts is None:
            continue
        score = sum(_is_known(text, known) for text in texts), _share(texts, weigh)
        if score > most:
            best, names, most = name, texts, score
    return best, names


def unicode_path(extra: bytes, raw: bytes) -> str | None:
    """Return the name in a file's Unicode path field, or None if missing or outdated.

    Source: APPNOTE.TXT, 4.6.9: version 1, CRC-32 of the name in the header, the name in UTF-8.
    """
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind != UNICODE_PATH or len(field) < 6 or field[0] != 1:
            continue
        if int.from_bytes(field[1:5], "little") == zlib.crc32(raw):
            texts = _all_decoded([field[5:]], "utf-8")
            return texts[0] if texts else None
    return None


def _all_decoded(raws: Sequence[bytes], codec: str) -> list[str] | None:
    try:
        return [raw.decode(codec) for raw in raws]
    except UnicodeDecodeError:
        return None


def _share(texts: Sequence[str], weigh: Callable[[str], float]) -> float:
    return sum(map(weigh, texts)) / sum(not c.isascii() for text in texts for c in text)


def _is_known(text: str, known: Collection[str]) -> bool:
    return text.replace("\\", "/").rpartition("/")[2] in known
