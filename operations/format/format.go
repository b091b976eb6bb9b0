// Package format writes numbers, sizes, durations, times and lists as people read them, and words as a shell reads them.
//
// What must hold: the same value always gives the same text, on every machine: times are in UTC and nothing depends on a locale.
package format

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Count writes a number with separators between the thousands.
func Count[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural writes a count and its noun.
func Plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + one + "s"
}

// Decimal writes a measured value with at most three decimals.
func Decimal(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return Count(int64(f))
	}
	return strconv.FormatFloat(math.Round(f*1000)/1000, 'f', -1, 64)
}

// Size writes a number of bytes in the unit that leaves at most three digits before the point.
func Size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, units := float64(n), []string{"kB", "MB", "GB", "TB"}
	for i, u := range units {
		f /= 1000
		if f < 999.5 || i == len(units)-1 {
			if f < 9.95 {
				return fmt.Sprintf("%.1f %s", f, u)
			}
			return fmt.Sprintf("%.0f %s", f, u)
		}
	}
	return ""
}

// Mebibytes writes an amount of memory.
func Mebibytes(n int64) string { return Count((n+1<<19)>>20) + " MiB" }

// Milliseconds writes a duration given in milliseconds.
func Milliseconds(ms float64) string {
	whole := time.Duration(ms * float64(time.Millisecond)).Round(time.Second)
	switch {
	case ms < 10:
		return strconv.FormatFloat(math.Round(ms*10)/10, 'f', -1, 64) + " ms"
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 59_950:
		return fmt.Sprintf("%.1f s", ms/1000)
	case whole < time.Hour:
		return fmt.Sprintf("%d min %d s", whole/time.Minute, whole%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", whole/time.Hour, whole%time.Hour/time.Minute)
}

// Age writes a duration in its largest unit.
func Age(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// Time writes a time in UTC; "-" for the zero time.
func Time(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("2006-01-02 15:04:05")
}

// List joins names with commas and a final "and".
func List(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// plainWord matches a word that a shell does not change.
var plainWord = regexp.MustCompile(`^[\w%+,./:=@-]+$`)

// ShellWord quotes a word, where needed, so that a shell passes it on unchanged.
func ShellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// ShellText quotes a text that may contain single quotes, so that a shell passes it on unchanged.
func ShellText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s) + `"`
}
