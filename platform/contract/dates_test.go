package contract

import "testing"

func TestDateFormatsOfTheStandard(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"yyyy-MM-dd":                 "2006-01-02",
		"d/M/yy":                     "2/1/06",
		"dd.MM.uuuu HH:mm:ss":        "02.01.2006 15:04:05",
		"yyyy-MM-dd'T'HH:mm:ss.SSS":  "2006-01-02T15:04:05.000",
		"yyyy-MM-dd'T'HH:mm:ssXXX":   "2006-01-02T15:04:05Z07:00",
		"yyyyMMdd":                   "20060102",
		"yyyy-MM-dd''HH":             "2006-01-02'15",
		"yyyy-MM-dd'T'HH:mm:ssSSS":   "", // Go parses fractions only after a point
		"yyyy-MM-dd 'a les' HH":      "",
		"yyyy-MM-dd'T":               "",
		"YYYY-MM-dd":                 "", // the week-based year, a common mistake
		"yyyy-mm-dd":                 "", // minutes instead of months, another
		"dd MMMM yyyy":               "",
		"2006-01-02":                 "",
		"HH:mm":                      "",
		"":                           "",
		"yyyy-MM-dd hh:mm a":         "",
		"yyyy-MM-dd HH:mm:ss.SSSSSS": "2006-01-02 15:04:05.000000",
	} {
		got, err := goLayout(format)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("layout of %q: %q (%v), want %q", format, got, err, want)
		}
	}
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	known := []string{"llacPadLeft", "llacSqueeze", "llacDefault"}
	for name, want := range map[string]string{
		"llacPadleft":                     "did you mean llacPadLeft?",
		"llacSqueze":                      "did you mean llacSqueeze?",
		"somethingelse entirely and long": "",
		"":                                "",
	} {
		if got := didYouMean(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
