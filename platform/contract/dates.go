package contract

import (
	"fmt"
	"strings"
)

// goFields maps the supported pattern letters of the JDK's DateTimeFormatter to Go's layout.
var goFields = map[string]string{
	"yyyy": "2006", "uuuu": "2006", "yy": "06",
	"MM": "01", "M": "1", "dd": "02", "d": "2",
	"HH": "15", "mm": "04", "ss": "05",
	"S": "0", "SS": "00", "SSS": "000", "SSSSSS": "000000",
	"XXX": "Z07:00", "XX": "Z0700", "xxx": "-07:00",
}

// goLayout converts a date format of the standard ("yyyy-MM-dd'T'HH:mm:ss") into a Go layout.
func goLayout(format string) (string, error) {
	var out strings.Builder
	seen := map[byte]bool{}
	for i := 0; i < len(format); {
		ch := format[i]
		switch {
		case ch == '\'':
			end := strings.IndexByte(format[i+1:], '\'')
			if end < 0 {
				return "", fmt.Errorf("the format %q has an unclosed quote", format)
			}
			literal := format[i+1 : i+1+end]
			if end == 0 {
				literal = "'"
			}
			if strings.ContainsAny(literal, "0123456789") || len(literal) > 1 {
				// Go layouts have no quoting: digits and names in them have a meaning.
				return "", fmt.Errorf("the format %q quotes %q, which cannot be distinguished from a date", format, literal)
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
				const supported = "yyyy yy MM M dd d HH mm ss SSS XXX"
				return "", fmt.Errorf("the format %q has the unsupported letters %q; use %s", format, format[i:end], supported)
			}
			if field[0] == '0' && ch == 'S' && !strings.HasSuffix(out.String(), ".") && !strings.HasSuffix(out.String(), ",") {
				return "", fmt.Errorf("the format %q has fractions of a second that do not follow a point", format)
			}
			out.WriteString(field)
			seen[ch] = true
			i = end
		case ch >= '0' && ch <= '9' || ch >= 0x80 || ch == '_':
			return "", fmt.Errorf("the format %q contains %q, which cannot be distinguished from a date", format, string(ch))
		default:
			out.WriteByte(ch)
			i++
		}
	}
	if !(seen['y'] || seen['u']) || !seen['M'] || !seen['d'] {
		return "", fmt.Errorf("the format %q does not contain a year, a month and a day", format)
	}
	return out.String(), nil
}
