"""Query parameters that say where a reader came from and never which article is meant.

Collected from the ClearURLs and AdGuard lists and from the addresses in outlets' own feeds. A name belongs
here only if no known content management system selects an article by it; where that holds for one outlet
alone, it stands under that outlet.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

# name= of any beginning like this
_BEGINNINGS = """
    utm_ mtm_ pk_ piwik_ matomo_ hsa_ at_ wt_ wt. ns_ mc_ oly_ vero_ mkt_ itm_ fb_ ga_ gaa_ sc_ pf_rd_ trk_
    tblci taboola_ dicbo elq _hs __hs guce_ soc_ hmb_ sfmc_ et_cid et_rid
"""
_PREFIXES = tuple(_BEGINNINGS.split())

# clicks on advertisements and links in social networks; analytics and newsletters; AMP viewers
_LISTED = """
    gclid gclsrc gbraid wbraid dclid gad_source gad_campaignid fbclid msclkid yclid ysclid twclid ttclid
    igshid igsh li_fat_id epik sccid rdt_cid irclickid wickedid rb_clickid srsltid s_kwcid ef_id kwclid
    _openstat twitter_impression __twitter_impression ncid ocid

    _ga _gl _ke __s xtor xts xtref xtnp xtcr cmp cmpid camp_id campaign_id s_cid icid mbid cndid smid smtyp
    emc mtrref ref_src ref_url echobox spref ftag tpcc taid srnd sref guccounter wprov traffic_source
    sara_ecid sara_ref maca feedtype feedname ftcamp obref oborigurl spm scm share_token sharetype share_id
    mkt_tok trk trkinfo _bta_tid _bta_c vgo_ee

    usqp amp_js_v amp_gsa
    """
_NAMES = frozenset(_LISTED.split())

# Names that mean something elsewhere, but not here.
_BY_HOST = {
    "wsj.com": {"mod", "st", "reflink"},
    "barrons.com": {"mod", "st", "reflink"},
    "marketwatch.com": {"mod", "st", "reflink"},
    "nytimes.com": {"partner", "referringsource", "unlocked_article_code"},
    "dailymail.co.uk": {"ito"},
    "bloomberg.com": {"cmpid", "leadsource"},
    "t.me": {"single"},
}

_SESSION = re.compile(r"(?:jsessionid|phpsessid|aspsessionid\w*|sessionid)")


def is_tracker(parameter: str, *, host: str) -> bool:
    """Tell whether one ``name=value`` of a query only tracks. ``ref`` does if its value is the host."""
    name, _, value = parameter.partition("=")
    name = unquote_plus(name).lower()
    if name in _NAMES or name.startswith(_PREFIXES) or _SESSION.fullmatch(name):
        return True
    if name == "ref" and unquote_plus(value).lower() == host:
        return True
    return any(
        name in names for domain, names in _BY_HOST.items() if host == domain or host.endswith("." + domain)
    )
