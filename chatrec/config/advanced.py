"""The table `[advanced]`: settings that few people need to decide, in one table a section.

Each class stands beside its section. A step that depends on a whole section depends on its advanced table too.
"""

from chatrec.config.aigc import AdvancedAigc
from chatrec.config.encoder import AdvancedEncoder
from chatrec.config.fairness import AdvancedFairness
from chatrec.config.finetune import AdvancedFinetune
from chatrec.config.publish import AdvancedPublish
from chatrec.config.ranking import AdvancedRanking, Index
from chatrec.config.section import Section
from chatrec.config.source import AdvancedText
from chatrec.config.tables import AdvancedTables


class Advanced(Section):
    """Settings that few people need to decide; the defaults suit most data."""

    text: AdvancedText = AdvancedText()
    encoder: AdvancedEncoder = AdvancedEncoder()
    finetune: AdvancedFinetune = AdvancedFinetune()
    aigc: AdvancedAigc = AdvancedAigc()
    index: Index = Index()
    ranking: AdvancedRanking = AdvancedRanking()
    fairness: AdvancedFairness = AdvancedFairness()
    tables: AdvancedTables = AdvancedTables()
    publish: AdvancedPublish = AdvancedPublish()
