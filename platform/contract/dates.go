package contract

import (
	"fmt"
	"strings"
)

// goFields are the pattern letters of the JDK's DateTimeFormatter that Llac reads, and Go's words for them.
var goFields = map[string]string{
	"yyyy": "2006", "uuuu": "2006", "yy": "06",
	"MM": "01", "M": "1", "dd": "02", "d": "2",
	"HH": "15", "mm": "04", "ss": "05",
	"S": "0", "SS": "00", "SSS": "000", "SSSSSS": "000000",
	"XXX": "Z07:00", "XX": "Z0700", "xxx": "-07:00",
}

// goLayout turns a date format of the standard ("yyyy-MM-dd'T'HH:mm:ss") into a Go layout.
func goLayout(format string) (string, error) {
	var out strings.Builder
	seen := map[byte]bool{}
	for i := 0; i < len(format); {
		ch := format[i]
		switch {
		case ch == '\'':
			end := strings.IndexByte(format[i+1:], '\'')
			if end < 0 {
				return "", fmt.Errorf("the format %q has an open quote", format)
			}
			literal := format[i+1 : i+1+end]
			if end == 0 {
				literal = "'"
			}
			if strings.ContainsAny(literal, "0123456789") || len(literal) > 1 {
				// Go layouts have no quoting: digits and names in them would mean something.
				return "", fmt.Errorf("the format %q quotes %q, which cannot be told from a date", format, literal)
			}
			out.WriteString(literal)
			i += end + 2
		case ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z':
			end := i
			for end < len(format) && format[end] == ch {
				end++
			}
			field, ok := goFields[format[i:end]]
			if !ok {
				return "", fmt.Errorf("the format %q has the letters %q, which Llac does not read; it reads yyyy yy MM M dd d HH mm ss SSS XXX", format, format[i:end])
			}
			if field[0] == '0' && ch == 'S' && !strings.HasSuffix(out.String(), ".") && !strings.HasSuffix(out.String(), ",") {
				return "", fmt.Errorf("the format %q has fractions that do not follow a point", format)
			}
			out.WriteString(field)
			seen[ch] = true
			i = end
		case ch >= '0' && ch <= '9' || ch >= 0x80 || ch == '_':
			return "", fmt.Errorf("the format %q has %q, which cannot be told from a date", format, string(ch))
		default:
			out.WriteByte(ch)
			i++
		}
	}
	if !(seen['y'] || seen['u']) || !seen['M'] || !seen['d'] {
		return "", fmt.Errorf("the format %q does not hold a year, a month and a day", format)
	}
	return out.String(), nil
}
