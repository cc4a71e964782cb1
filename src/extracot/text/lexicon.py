"""Word lists that the span finders share. English, small on purpose; other scripts fall back on layout."""

from typing import Final


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


FUNCTIONS: Final = word_set(
    """
    sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp sqrt gcd lcm max min mod
    floor ceil det dim ker deg abs sgn lim sup inf arg argmax argmin round sum prod
    """
)
"""Names that make a formula of the bracket or operand behind them."""

UNITS_OF_MEASURE: Final = word_set(
    """
    km m cm mm nm mi mile miles yd yard yards ft foot feet inch inches kg g mg lb lbs pound pounds oz
    ounce ounces ton tons tonne tonnes gram grams kilogram kilograms meter meters metre metres kilometer
    kilometers kilometre kilometres centimeter centimeters centimetre centimetres millimeter millimeters
    l ml liter liters litre litres gallon gallons cup cups s sec secs second seconds min mins minute
    minutes h hr hrs hour hours day days week weeks month months year years mph kph kmh hz khz mhz ghz v
    w kw kwh j kj cal kcal pa kpa bar mol k dollar dollars cent cents euro euros usd eur gbp rupees yen
    percent percentage degree degrees radian radians rad deg unit units am pm
    """
)
"""Words that make one quantity with the number before them."""

STOP_WORDS: Final = word_set(
    """
    a an the and or but nor so then thus hence therefore because since if when while where which that
    this these those there here who what how why is are was were be been being am has have had do does
    did can could will would shall should may might must not no yes of in on at to from by for with
    without within into onto over under about above below between among through during before after
    until than as it its he she they we you i me him her them us my your his their our also just only
    even still again now first next finally each every all both either neither some any many much more
    most few less least other another such same wait hmm okay ok let lets let's say says said means mean
    meaning get gets got give gives given make makes find know need needs want see check solve compute
    calculate using use per think equation expression formula answer substitute actually really maybe
    perhaps well right true false too very like up down out off back goes go
    """
)
"""Words that end a name or a quantity when reading left or right from an operator."""

SHORT_WORDS: Final = word_set(
    """
    ah am an as at be by do eh ex go ha he hi if in is it id ie eg hm ho lo ma me mr ms my no of oh ok
    on or ox pa so to uh um up us vs we ya ye yo th st nd rd
    """
)
"""Two-letter lower-case words that are words, where `xy`, `ab` or `dx` would be a product."""
