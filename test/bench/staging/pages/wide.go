package pages

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"
)

//go:embed wide.odcs.yaml
var wideHead string

// wideKind is one kind of columns in the wide table.
type wideKind struct {
	name, logicalType string
	count             int
	custom            string // custom properties, as lines of the contract
	write             func(r *record, d draw, name string, n int, broken bool)
}

const wideNulls = "          - {property: llacNullLiterals, value: [\"null\", \"-\"]}\n"

// wideKinds are 198 columns; with key and partition there are 200. In a broken row the first or second column of the
// kind contains an invalid value.
var wideKinds = []wideKind{
	{"text", "string", 60, "          - {property: llacSqueeze, value: true}\n" + wideNulls,
		func(r *record, d draw, name string, n int, _ bool) {
			r.value(d, name, fmt.Sprintf("%s %s", d.one("alpha", "beta", "gamma", "delta"), invented(d, 4<<(n%12))), false, nil)
		}},
	{"whole", "integer", 50, "", func(r *record, d draw, name string, n int, broken bool) {
		text := strconv.Itoa(d.IntN(10 << (n % 20)))
		switch {
		case n%2 == 0: // as a number
			r.raw(name, text)
		case broken && n == 1:
			r.text(name, pick(d, badIntegers))
		default:
			r.text(name, untidy(d, text))
		}
	}},
	{"real", "number", 40, "", func(r *record, d draw, name string, n int, _ bool) {
		r.raw(name, strconv.FormatFloat(float64(d.IntN(100<<(n%16)))/100, 'f', -1, 64))
	}},
	{"some_date", "date", 20, wideNulls, func(r *record, d draw, name string, n int, broken bool) {
		r.value(d, name, day(d), broken && n == 0, badDates)
	}},
	{"seen_at", "timestamp", 8, wideNulls, func(r *record, d draw, name string, n int, broken bool) {
		r.value(d, name, time.UnixMilli(1_600_000_000_000+d.Int64N(100_000_000_000)).UTC().Format("2006-01-02T15:04:05.000"),
			broken && n == 0, []string{"2020-13-01T00:00:00.000", "abans-d'ahir"})
	}},
	{"is_so", "boolean", 14, "", func(r *record, d draw, name string, _ int, _ bool) {
		r.raw(name, strconv.FormatBool(d.IntN(3) == 0))
	}},
	{"nested", "object", 6, "", func(r *record, d draw, name string, n int, _ bool) {
		// Every field is present and numbers have their usual form: a peer that parses the value and formats it again
		// gets the same text.
		if n%2 == 0 {
			degrees := func(from, to int) string {
				return fmt.Sprintf("%d.%d%d", d.between(from, to), d.IntN(10), d.between(1, 9))
			}
			r.raw(name, fmt.Sprintf(`{"lat":%s,"lon":%s,"place":{"name":"%s","tags":["a","b"]}}`, degrees(40, 42),
				degrees(0, 3), invented(d, 500)))
		} else {
			r.raw(name, fmt.Sprintf(`[{"k":%d,"v":%d},{"k":%d,"v":1}]`, d.IntN(1000), d.IntN(10), d.IntN(1000)))
		}
	}},
}

// Wide has two hundred fields of all types, six of them objects and arrays that are kept as JSON text.
var Wide = Shape{"wide", wideContract(), wideRow}

func wideName(k wideKind, n int) string { return fmt.Sprintf("%s_%02d", k.name, n+1) }

func wideContract() string {
	var columns strings.Builder
	for _, k := range wideKinds {
		for n := range k.count {
			fmt.Fprintf(&columns, "      - name: %s\n        logicalType: %s\n        description: Invented.\n",
				wideName(k, n), k.logicalType)
			if k.custom != "" {
				columns.WriteString("        customProperties:\n" + k.custom)
			}
		}
	}
	return strings.Replace(wideHead, "      # columns\n", columns.String(), 1)
}

func wideRow(b []byte, i int) []byte {
	d := drawFor(aboutWide, i)
	broken := brokenField(d)
	r := open(b)
	r.text("record_id", fmt.Sprintf("R%09d", 3*keyOf(i)))
	r.text("group_id", strconv.Itoa(1+skewed(d, 4)))
	for _, k := range wideKinds {
		bad := broken == badInteger && k.name == "whole" || broken == badDate && k.name == "some_date" ||
			broken == badPostalCode && k.name == "seen_at"
		for n := range k.count {
			k.write(&r, d, wideName(k, n), n, bad)
		}
	}
	return r.close()
}
