package schedule

import (
	"strings"
	"time"
)

// MaxLength is how long an expression may be, in bytes.
const MaxLength = 256

// Parse reads an expression. It fails with a [*SyntaxError].
//
//	rate(N UNIT)    UNIT is minute, hour or day where N is 1, else minutes, hours or days
//	at(TIME)        TIME is like 2030-11-20T13:00:00
//	cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR)
//
//	field           values               and
//	MINUTES         0-59                 , - * /
//	HOURS           0-23                 , - * /
//	DAY-OF-MONTH    1-31                 , - * / ? L W
//	MONTH           1-12, JAN-DEC        , - * /
//	DAY-OF-WEEK     1-7, SUN-SAT         , - * ? L #
//	YEAR            1970-2199            , - * /
//
// A range may go past the end of its field and on from the beginning, but of years: hours 20-2, FRI-MON. A step, after a slash,
// takes every so many values of a range, of all (*), or from one value on to the end of the field. Exactly one of DAY-OF-MONTH
// and DAY-OF-WEEK is ?, which says that the other one counts. In DAY-OF-MONTH, L is the month's last day, LW its last day from Monday
// to Friday, and 15W the one of these that is nearest to the 15th and in the same month. In DAY-OF-WEEK, L is Saturday,
// 6L the last Friday of the month and 3#2 its second Tuesday, which stands alone. Names are in upper or lower case.
func Parse(text string) (Expression, error) {
	if len(text) > MaxLength {
		return Expression{}, bad(MaxLength, "an expression has at most %d characters", MaxLength)
	}
	open := strings.IndexByte(text, '(')
	kind := Kind(text[:max(open, 0)])
	switch kind {
	case Rate, Cron, At:
	default:
		return Expression{}, bad(0, "an expression is rate(…), cron(…) or at(…)")
	}
	inner, closed := strings.CutSuffix(text[open+1:], ")")
	if !closed {
		return Expression{}, bad(len(text), "the closing bracket is missing")
	}
	e := Expression{text: text, kind: kind}
	words := split(inner, open+1)
	var err error
	switch kind {
	case Rate:
		e.period, err = parseRate(words, open+1)
	case Cron:
		e.cron, err = parseCron(words, open+1)
	case At:
		e.at, err = parseAt(words, open+1)
	}
	if err != nil {
		return Expression{}, err
	}
	return e, nil
}

// word is a piece of an expression and where in it that begins.
type word struct {
	text string
	at   int
}

// split returns the words of a text between spaces.
func split(text string, at int) (words []word) {
	for from := 0; from < len(text); {
		end := strings.IndexByte(text[from:], ' ')
		if end < 0 {
			end = len(text) - from
		}
		if end > 0 {
			words = append(words, word{text[from : from+end], at + from})
		}
		from += end + 1
	}
	return words
}

// cut splits a word at the first separator, which the second part does not have.
func (w word) cut(sep byte) (before, after word, found bool) {
	i := strings.IndexByte(w.text, sep)
	if i < 0 {
		return w, word{}, false
	}
	return word{w.text[:i], w.at}, word{w.text[i+1:], w.at + i + 1}, true
}

// number reads a whole number of a few digits.
func (w word) number(digits int) (n int, ok bool) {
	if w.text == "" || len(w.text) > digits {
		return 0, false
	}
	for _, c := range []byte(w.text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// rateDigits is how many digits a rate may have: 99,999,999 days are beyond all years that there are here.
const rateDigits = 8

func parseRate(words []word, at int) (period int64, err error) {
	if len(words) != 2 {
		return 0, bad(at, "a rate is a number and a unit, such as rate(5 minutes)")
	}
	n, ok := words[0].number(rateDigits)
	if !ok || n == 0 {
		return 0, bad(words[0].at, "a rate needs a positive whole number of at most %d digits, not %q", rateDigits, words[0].text)
	}
	unit := words[1].text
	one := strings.TrimSuffix(unit, "s")
	seconds := map[string]int64{"minute": 60, "hour": 60 * 60, "day": day}[one]
	switch {
	case seconds == 0:
		return 0, bad(words[1].at, "the unit of a rate is minutes, hours or days, not %q", unit)
	case n == 1 && unit != one:
		return 0, bad(words[1].at, "the unit of 1 is %s, not %s", one, unit)
	case n != 1 && unit == one:
		return 0, bad(words[1].at, "the unit of %d is %ss, not %s", n, one, unit)
	}
	return int64(n) * seconds, nil
}

func parseAt(words []word, at int) (wall int64, err error) {
	const layout = "2006-01-02T15:04:05"
	if len(words) != 1 {
		return 0, bad(at, "an at expression has one time, such as at(2030-11-20T13:00:00)")
	}
	t, err := time.Parse(layout, words[0].text)
	if err != nil || t.Format(layout) != words[0].text {
		return 0, bad(words[0].at, "%q is no time such as 2030-11-20T13:00:00", words[0].text)
	}
	return t.Unix(), nil
}
