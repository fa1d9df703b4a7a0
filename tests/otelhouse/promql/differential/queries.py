"""Expressions by chance, most of which have a value over the generated series."""

from __future__ import annotations

import random

_METRICS = ("requests_total", "temperature", "odd", "level", "latency_bucket", "job_info", "huge")
_RANGES = ("1m", "5m", "47s", "15s", "30s", "10m", "16m40s", "1m30s", "20m")
_OVER_TIME = (
    "avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time", "stddev_over_time",
    "stdvar_over_time", "last_over_time", "present_over_time", "changes", "resets", "deriv", "rate", "increase",
    "delta", "irate", "idelta", "mad_over_time", "ts_of_max_over_time", "ts_of_min_over_time", "ts_of_last_over_time",
)  # fmt: skip
_MATH = (
    "abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "round", "sin", "cos", "tan", "asin", "acos",
    "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "deg", "rad", "minute", "hour", "day_of_week",
    "day_of_month", "day_of_year", "days_in_month", "month", "year", "timestamp", "sort", "sort_desc",
)  # fmt: skip
_ARITHMETIC = ("+", "-", "*", "/", "%", "^", "atan2")
_INCLUDED = ("version", "", "env")
_COMPARISON = ("==", "!=", "<", "<=", ">", ">=")
_BOTH = (*_ARITHMETIC, *_COMPARISON)
_AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
_MATCHERS = (
    'job="api"', 'job!="db"', 'instance=~"0|1"', 'instance!~"[12]"', 'env=""', 'env!=""', 'code="500"',
    'job=~"a.*|w.*"', 'env=~".*"', 'le="1"', 'le!="+Inf"', 'job=~"(?i)API"',
)  # fmt: skip
_LABELS = ("job", "instance", "code", "env", "le", "version", "__name__")
_NUMBERS = ("0", "1", "2", "-1", "0.5", "3.7", "1e3", "Inf", "-Inf", "NaN", "100", "0x10", "1_000", "5m")


class Expressions:
    """`scalar`, `vector`, `matrix`: one of that type. `start`, `end`: of the series, in seconds."""

    def __init__(self, seed: int, start: float, end: float) -> None:
        self.dice = random.Random(seed)
        self.start, self.end = start, end

    def any(self) -> str:
        """Of any type that a range query takes."""
        return self.vector(3) if self.dice.random() < 0.95 else self.scalar(3)

    def scalar(self, depth: int) -> str:
        pick = self.dice.random()
        if depth <= 0 or pick < 0.5:
            return self.dice.choice(_NUMBERS)
        if pick < 0.6:
            return "time()"
        if pick < 0.8:
            return f"scalar({self.vector(depth - 1)})"
        if pick < 0.9:
            return f"{self.scalar(depth - 1)} {self.dice.choice(_ARITHMETIC)} {self.scalar(depth - 1)}"
        if pick < 0.95:
            return f"-{self.scalar(depth - 1)}"
        return f"({self.scalar(depth - 1)} {self.dice.choice(_COMPARISON)} bool {self.scalar(depth - 1)})"

    def vector(self, depth: int) -> str:
        dice = self.dice
        kinds = [
            (2 if depth > 0 else 20, self._selected), (3, self._over_time), (2, self._math), (4, self._aggregated),
            (5, self._binary), (2, self._labelled), (1, self._histogram), (1, self._other), (1, self._with_params),
        ]  # fmt: skip
        kind = dice.choices([each for _, each in kinds], [weight for weight, _ in kinds])[0]
        return kind(depth) if depth > 0 else self._selected(depth)

    def _selector(self) -> str:
        dice = self.dice
        matchers = []
        while dice.random() < 0.3:
            matchers.append(dice.choice(_MATCHERS))
        if dice.random() < 0.05:
            return '{"my.metric"}'
        if dice.random() < 0.08:
            return "{" + ",".join(['__name__=~"level|temperature|requests_total"', *matchers]) + "}"
        name = dice.choice(_METRICS)
        return f"{name}{{{','.join(matchers)}}}" if matchers or dice.random() < 0.1 else name

    def _modifiers(self) -> str:
        dice = self.dice
        found = ""
        if dice.random() < 0.15:
            found += f" offset {dice.choice(('1m', '-2m', '17s', '5m', '1m30s', '0s', '90', '-7'))}"
        if dice.random() < 0.12:
            at = dice.choice(("start()", "end()", f"{self.start + dice.uniform(-100, self.end - self.start):.3f}"))
            found = f" @ {at}{found}" if dice.random() < 0.5 else f"{found} @ {at}"
        return found

    def _selected(self, depth: int) -> str:
        return self._selector() + self._modifiers()

    def matrix(self, depth: int) -> str:
        dice = self.dice
        if depth <= 0 or dice.random() < 0.75:
            return f"{self._selector()}[{dice.choice(_RANGES)}]{self._modifiers()}"
        step = dice.choice(("", "30s", "1m", "7s", "15s"))
        return f"({self.vector(depth - 1)})[{dice.choice(_RANGES)}:{step}]{self._modifiers()}"

    def _over_time(self, depth: int) -> str:
        return f"{self.dice.choice(_OVER_TIME)}({self.matrix(depth - 1)})"

    def _with_params(self, depth: int) -> str:
        dice = self.dice
        match dice.randrange(7):
            case 0:
                return f"quantile_over_time({self.scalar(depth - 2)}, {self.matrix(depth - 1)})"
            case 1:
                return f"predict_linear({self.matrix(depth - 1)}, {self.scalar(depth - 2)})"
            case 2:
                factors = f"0.{dice.randint(1, 9)}, 0.{dice.randint(1, 9)}"
                return f"double_exponential_smoothing({self.matrix(depth - 1)}, {factors})"
            case 3:
                return f"clamp({self.vector(depth - 1)}, {self.scalar(depth - 2)}, {self.scalar(depth - 2)})"
            case 4:
                return f"clamp_{dice.choice(('min', 'max'))}({self.vector(depth - 1)}, {self.scalar(depth - 2)})"
            case 5:
                return f"round({self.vector(depth - 1)}, {self.scalar(depth - 2)})"
        return f"vector({self.scalar(depth - 1)})"

    def _math(self, depth: int) -> str:
        return f"{self.dice.choice(_MATH)}({self.vector(depth - 1)})"

    def _grouping(self) -> str:
        dice = self.dice
        labels = ", ".join(dice.sample(_LABELS, dice.randint(0, 3)))
        return dice.choice(("", f" by ({labels})", f" without ({labels})"))

    def _aggregated(self, depth: int) -> str:
        dice = self.dice
        inner = self.vector(depth - 1)
        match dice.randrange(9):
            case 0:
                return f"quantile{self._grouping()} ({self.scalar(depth - 2)}, {inner})"
            case 1:
                # Which of equal values is chosen is chance, in Prometheus too: those of this metric are not equal.
                inner = f"temperature{self._modifiers()}"
                return f"{dice.choice(('topk', 'bottomk'))}{self._grouping()} ({dice.randint(-1, 5)}, {inner})"
            case 2:
                return f'count_values{self._grouping()} ("{dice.choice(("value", "job", "v.w"))}", {self._selected(0)})'
            case 3:
                return f"limit_ratio{self._grouping()} ({dice.choice(('0.3', '-0.5', '1', '0.7', '2'))}, {inner})"
        if dice.random() < 0.3:
            return f"{dice.choice(_AGGREGATIONS)} ({inner}){self._grouping()}"
        return f"{dice.choice(_AGGREGATIONS)}{self._grouping()} ({inner})"

    def _binary(self, depth: int) -> str:
        dice = self.dice
        pick = dice.random()
        if pick < 0.15:
            op = dice.choice((*_ARITHMETIC, *_COMPARISON))
            as_bool = " bool" if op in _COMPARISON and dice.random() < 0.4 else ""
            sides = [self.vector(depth - 1), self.scalar(depth - 1)]
            dice.shuffle(sides)
            return f"{sides[0]} {op}{as_bool} {sides[1]}"
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        if dice.random() < 0.5:
            right = f"({right})"
        if pick < 0.35:
            return f"{left} {dice.choice(('and', 'or', 'unless'))}{self._matching()} {right}"
        if pick < 0.45:
            return f"({left}) {dice.choice(_ARITHMETIC)} on(job) group_left({dice.choice(_INCLUDED)}) job_info"
        if pick < 0.5:
            return f"job_info {dice.choice(_BOTH)} on(job) group_right({dice.choice(_INCLUDED)}) ({left})"
        op = dice.choice((*_ARITHMETIC, *_COMPARISON))
        as_bool = " bool" if op in _COMPARISON and dice.random() < 0.4 else ""
        group = dice.choice(("", "", "", " group_left", " group_right")) if (matching := self._matching()) else ""
        if group and dice.random() < 0.5:
            group += f"({dice.choice(_LABELS)})"
        return f"{left} {op}{as_bool}{matching}{group} {right}"

    def _matching(self) -> str:
        dice = self.dice
        labels = ", ".join(dice.sample(_LABELS[:6], dice.randint(0, 3)))
        return dice.choice(("", "", f" on({labels})", f" ignoring({labels})", " on(job, instance)", " ignoring(code)"))

    def _labelled(self, depth: int) -> str:
        dice = self.dice
        inner = self.vector(depth - 1)
        target, source = dice.choice(_LABELS), dice.choice(_LABELS)
        if dice.random() < 0.3:
            return f'label_join({inner}, "{target}", "-", "{source}", "{dice.choice(_LABELS)}")'
        pattern, replacement = dice.choice(
            (("(.*)", "$1-x"), ("(.)(.*)", "$2${1}y"), ("", "none"), ("a.*", ""), ("(?P<first>.).*", "${first}"),
             ("[a-z]+", "$0"), ("(x)?(.*)", "$1$2$3"), (".*", "const"))
        )  # fmt: skip
        return f'label_replace({inner}, "{target}", "{replacement}", "{source}", "{pattern}")'

    def _histogram(self, depth: int) -> str:
        dice = self.dice
        inner = dice.choice(
            (f"rate(latency_bucket[{dice.choice(_RANGES)}])", "latency_bucket", "sum by (le, job) (latency_bucket)",
             "sum by (le) (rate(latency_bucket[5m]))", f"increase(latency_bucket[5m]{self._modifiers()})")
        )  # fmt: skip
        if dice.random() < 0.3:
            return f"histogram_fraction({self.scalar(depth - 2)}, {self.scalar(depth - 2)}, {inner})"
        quantile = dice.choice(("0.9", "0.5", "0.99", "0", "1", "-1", "2", "NaN", self.scalar(depth - 2)))
        return f"histogram_quantile({quantile}, {inner})"

    def _other(self, depth: int) -> str:
        dice = self.dice
        match dice.randrange(4):
            case 0:
                return f"absent({self.vector(depth - 1)})"
            case 1:
                return f"absent_over_time({self.matrix(depth - 1)})"
            case 2:
                return f"-({self.vector(depth - 1)})"
        return f"histogram_{dice.choice(('count', 'sum', 'avg', 'stddev', 'stdvar'))}({self.vector(depth - 1)})"
