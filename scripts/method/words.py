"""The words in the pictures, in the two languages of the page. Terms: docs/glossary.md."""

from collections.abc import Mapping

ENGLISH, CHINESE = "en", "zh-CN"
LANGUAGES = (ENGLISH, CHINESE)

_WORDS: Mapping[str, tuple[str, str]] = {
    # whole pictures, for a reader who cannot see them
    "c1": (
        "Two samples a minute apart, on Sunday and on Monday",
        "相隔一分钟的两个读数，分属周日与周一",
    ),
    "c2": ("Six rows, of which three count", "六行数据中有三行有效"),
    "c3": ("Twins become their mean", "同一时刻的读数取平均"),
    "c4": ("A spike is dropped, a leap of just 30 stays", "尖峰被剔除，恰好相差 30 的保留"),
    "c5": ("How long each sample stands", "每个读数代表多长时间"),
    "c6": ("Maximum heart rate by age", "按年龄估算的最大心率"),
    "c7": ("Resting heart rate of a day", "一天的静息心率"),
    "c8": ("The five zones in beats per minute", "五个强度区间对应的心率"),
    "c9": ("Below, in and above the zone", "低于、处于和高于靶心率"),
    "c10": ("A hold is cut at midnight", "跨零点的时间按日切开"),
    "c11": ("A bout with two interruptions", "含两次中断的运动段"),
    "c11-window": ("8 of some 10 minutes", "任意 10 分钟中有 8 分钟"),
    "c12": ("When a bout is a session", "运动段何时算一次训练"),
    "c13": ("Valid days and the valid week", "有效日与有效周"),
    "c14": ("The week's figures", "一周的指标"),
    "c15": ("Cadence minutes beside heart rate", "步频分钟与心率"),
    "c16": ("Flags for review", "供复核的标记"),
    "phases": ("Phases of a prescription", "处方的阶段"),
    "states": ("The three states of a week", "一周的三种状态"),
    # axes and legends
    "bpm": ("bpm", "次/分"),
    "clock": ("clock", "时刻"),
    "zone": ("target zone", "靶心率区间"),
    "in_zone": ("in the zone: credited", "靶心率内：计入"),
    "effort_in_zone": ("in the zone", "靶心率内"),
    "above": ("above: shown, not credited", "高于：显示，不计入"),
    "below": ("below the zone", "低于靶心率"),
    "nothing": ("no data", "无数据"),
    "kept": ("counts", "有效"),
    "dropped": ("does not count", "无效"),
    "held": ("stands for", "代表"),
    "age": ("age", "年龄"),
    "no_blocker": ("no beta-blocker: 207 - 0.7 x age", "未用 β 受体阻滞剂：207 - 0.7 × 年龄"),
    "blocker": ("beta-blocker: 164 - 0.7 x age", "使用 β 受体阻滞剂：164 - 0.7 × 年龄"),
    "years": ("%s years", "%s 岁"),
    "sunday": ("Sunday %s", "周日 %s"),
    "monday": ("Monday %s", "周一 %s"),
    "this_week": ("week of %s", "%s 起的一周"),
    "mean_of": ("100 and 110, 110 sent twice: %s", "100 与 110（110 重发一次）：%s"),
    "median": ("median within 30 s: %s", "前后 30 秒内的中位数：%s"),
    "away": ("%s away: dropped", "相差 %s：剔除"),
    "stays": ("%s away: stays", "相差 %s：保留"),
    "out_of_range": ("outside 30 to 220", "超出 30 至 220"),
    "sorted_minutes": (
        "the day's minutes, sorted by mean heart rate",
        "当天各分钟按平均心率从低到高排列",
    ),
    "fifth": ("number %s of %s minutes: %s bpm", "第 %s 个（共 %s 个分钟）：%s 次/分"),
    "very_light": ("very light", "很低"),
    "light": ("light", "低"),
    "moderate": ("moderate", "中等"),
    "vigorous": ("vigorous", "较高"),
    "near_max": ("near max", "近极限"),
    "person_easy": ("rest 60, maximum 160", "静息 60，最大 160"),
    "person_odd": ("rest 62, maximum 167", "静息 62，最大 167"),
    "midnight": ("midnight", "零点"),
    "interruption": ("%s s: goes on", "%s 秒：不中断"),
    "one_bout": ("one bout: effort %s, credit %s", "一个运动段：用力 %s，计入 %s"),
    "effort": ("effort", "用力时间"),
    "window": ("best 10 minutes: %s of effort", "最密的 10 分钟：用力 %s"),
    "qualifies": ("8:00 or more: a bout", "达到 8:00：成为运动段"),
    "fails": ("less than 8:00: no bout", "不足 8:00：不成运动段"),
    "asked": ("80 %% of 15 min = %s", "15 分钟的 80%% = %s"),
    "complete": ("credit %s: complete session", "计入 %s：完成一次训练"),
    "not_complete": ("credit %s: bout, no session", "计入 %s：运动段，不算训练次"),
    "ten_hours": ("10 h", "10 小时"),
    "valid": ("valid", "有效"),
    "not_valid": ("not valid", "无效"),
    "valid_week": ("%s valid days: valid week", "%s 个有效日：有效周"),
    "days": ("Mon Tue Wed Thu Fri Sat Sun", "周一 周二 周三 周四 周五 周六 周日"),
    "minutes": ("min", "分钟"),
    "session_line": ("24 min: complete", "24 分钟：完成"),
    "attendance": ("attendance: %s of 3 days", "出勤：3 天中的 %s 天"),
    "volume": ("volume: %s of 90 min", "运动量：90 分钟中的 %s 分钟"),
    "not_adherent": ("below 80 %: not adherent", "低于 80%：不算依从"),
    "lowest": ("adherence: the lower one, %s %%", "依从率：取较低者，%s%%"),
    "steps": ("steps in the minute", "该分钟步数"),
    "cad_moderate": ("100: moderate", "100：中等"),
    "cad_vigorous": ("130: vigorous", "130：较高"),
    "hr_present": ("heart rate %s s", "心率 %s 秒"),
    "hr_less": ("counts as none", "视为无心率"),
    "still": ("still: 5 min without a step, in effort", "静止：用力中连续 5 分钟零步"),
    "lock": ("lock: pulse within 3 of the steps", "锁定：心率与步频相差不超过 3"),
    "shake": ("shake: 100 steps, pulse below 20 %", "晃动：步频 100 而心率低于 20%"),
    "fast": ("fast: more than 220 steps", "过快：每分钟超过 220 步"),
    "flagged": ("flagged minute", "被标记的分钟"),
    "steps_word": ("steps", "步数"),
    "pulse_word": ("pulse", "心率"),
    "week_n": ("week %s", "第 %s 周"),
    "adherent": ("adherent?", "依从？"),
    "excused": ("excused?", "可豁免？"),
    "observed": ("observed?", "有观察？"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "met": ("met", "达标"),
    "not_met": ("not met", "未达标"),
    "cannot_judge": ("cannot be judged", "无法判定"),
    "with_reason": ("with the reason", "并注明原因"),
}


class Words:
    """The words of one language, by key."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._place = LANGUAGES.index(language)

    def __call__(self, key: str, *values: object) -> str:
        """Return a text, with its values."""
        text = _WORDS[key][self._place]
        return text % values if values else text
