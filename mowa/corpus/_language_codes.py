"""Tags of languages as people write them, and ISO 639-3."""

from __future__ import annotations

UNDETERMINED = "und"
NOISE = "zxx"

# ISO 639-1 to ISO 639-3, with the withdrawn iw, in and ji (the tables of ISO 639, macrolanguages as
# they are). The identifier's labels of three letters are ISO 639-3 already.
_CODES = """
aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze ba:bak be:bel
bg:bul bi:bis bm:bam bn:ben bo:bod br:bre bs:bos ca:cat ce:che ch:cha co:cos cr:cre cs:ces cu:chu
cv:chv cy:cym da:dan de:deu dv:div dz:dzo ee:ewe el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas
ff:ful fi:fin fj:fij fo:fao fr:fra fy:fry ga:gle gd:gla gl:glg gn:grn gu:guj gv:glv ha:hau he:heb
hi:hin ho:hmo hr:hrv ht:hat hu:hun hy:hye hz:her ia:ina id:ind ie:ile ig:ibo ii:iii ik:ipk in:ind
io:ido is:isl it:ita iu:iku iw:heb ja:jpn ji:yid jv:jav ka:kat kg:kon ki:kik kj:kua kk:kaz kl:kal
km:khm kn:kan ko:kor kr:kau ks:kas ku:kur kv:kom kw:cor ky:kir la:lat lb:ltz lg:lug li:lim ln:lin
lo:lao lt:lit lu:lub lv:lav mg:mlg mh:mah mi:mri mk:mkd ml:mal mn:mon mr:mar ms:msa mt:mlt my:mya
na:nau nb:nob nd:nde ne:nep ng:ndo nl:nld nn:nno no:nor nr:nbl nv:nav ny:nya oc:oci oj:oji om:orm
or:ori os:oss pa:pan pi:pli pl:pol ps:pus pt:por qu:que rm:roh rn:run ro:ron ru:rus rw:kin sa:san
sc:srd sd:snd se:sme sg:sag sh:hbs si:sin sk:slk sl:slv sm:smo sn:sna so:som sq:sqi sr:srp ss:ssw
st:sot su:sun sv:swe sw:swa ta:tam te:tel tg:tgk th:tha ti:tir tk:tuk tl:tgl tn:tsn to:ton tr:tur
ts:tso tt:tat tw:twi ty:tah ug:uig uk:ukr ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol xh:xho
yi:yid yo:yor za:zha zh:zho zu:zul
"""
_ISO_639_3 = dict(pair.split(":") for pair in _CODES.split())
_WITHDRAWN = ("in", "iw", "ji")
_ISO_639_1 = {code3: code1 for code1, code3 in _ISO_639_3.items() if code1 not in _WITHDRAWN}


def iso_639_3(code: str | None) -> str | None:
    """The ISO 639-3 code of a tag (``pl``, ``pl-PL``, ``pol``, ``szl_Latn``); None for no tag.

    Example:
        >>> iso_639_3("PL-pl"), iso_639_3("szl"), iso_639_3("polski")
        ('pol', 'szl', None)
    """
    primary = (code or "").strip().lower().replace("_", "-").partition("-")[0]
    if len(primary) == 3 and primary.isascii() and primary.isalpha():
        return primary
    return _ISO_639_3.get(primary)


def shortest_tag(code: str) -> str:
    """The tag of a language by its ISO 639-3 code: ISO 639-1 where there is one (RFC 5646, 2.2.1).

    Example:
        >>> shortest_tag("pol"), shortest_tag("szl")
        ('pl', 'szl')
    """
    return _ISO_639_1.get(code, code)
