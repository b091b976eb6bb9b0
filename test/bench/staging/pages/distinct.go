package pages

import (
	_ "embed"
	"fmt"
	"strconv"
)

//go:embed distinct.odcs.yaml
var distinctContract string

// Distinct has six texts of 30 to 60 bytes, all of them different. Keys repeat and rows are invalid as in Register.
var Distinct = Shape{"distinct", distinctContract, distinctRow}

func distinctRow(b []byte, i int) []byte {
	d := drawFor(aboutDistinct, i)
	broken := brokenField(d)
	r := open(b)
	r.text("record_id", fmt.Sprintf("R%09d", 3*keyOf(i)))
	for t := range 6 {
		r.text("text_"+strconv.Itoa(t+1), untidy(d, distinctText(d, 6*i+t)))
	}
	r.value(d, "amount", strconv.Itoa(d.IntN(1_000_000)), broken == badInteger, badIntegers)
	r.value(d, "first_date", day(d), broken == badDate, badDates)
	r.value(d, "postal_code", fmt.Sprintf("%05d", d.IntN(52_999)), broken == badPostalCode, badPostalCodes)
	return r.close()
}

// distinctText returns a text that is unique to the number.
func distinctText(d draw, number int) string {
	b := make([]byte, 0, 64)
	for long := d.between(29, 46); len(b) < long; {
		b = append(append(append(b, syllables[d.IntN(len(syllables))]...), syllables[d.IntN(len(syllables))]...), ' ')
	}
	return string(strconv.AppendInt(b, int64(number), 36))
}
