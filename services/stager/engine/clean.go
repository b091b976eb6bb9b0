package engine

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/source/jsonpage"
)

// text converts the raw JSON of a source value to the text that the contract describes: a string without quotes and
// escapes, any other single value as written. Only JSON columns accept nested values and keep them unchanged.
func (c *column) text(raw []byte) (text []byte, null bool, bad *rejection) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0, bytes.Equal(raw, []byte("null")):
		return nil, true, nil
	case c.field.Type == contract.JSON:
		if !utf8.Valid(raw) {
			return nil, false, c.reject(BadText, "want UTF-8")
		}
		if jsonpage.RepeatedName(raw) >= 0 {
			return nil, false, c.reject(RepeatedName, "want each name once in an object; which of the values is true is not known")
		}
		if raw[0] == '"' && c.nulls != nil {
			if s, ok := unquote(raw); ok && c.isNull(bytes.TrimSpace(s)) {
				return nil, true, nil
			}
		}
		return raw, false, nil
	case raw[0] == '{' || raw[0] == '[':
		return nil, false, c.reject(BadType, "want a single value, not an object or array")
	case raw[0] == '"':
		s, ok := unquote(raw)
		if !ok {
			return nil, false, c.reject(BadText, "want a JSON string of whole characters in UTF-8, without NUL")
		}
		raw = s
	case !utf8.Valid(raw):
		return nil, false, c.reject(BadText, "want UTF-8")
	}
	text = bytes.TrimSpace(raw)
	if c.field.Squeeze {
		text = squeeze(text)
	}
	return text, len(text) == 0 || c.isNull(text), nil
}

// unquote decodes a JSON string. Without escapes it returns a part of raw, without copying. It rejects NUL and half a
// character (a lone surrogate): decoders replace those, so that different texts would become equal.
func unquote(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[len(raw)-1] != '"' || !utf8.Valid(raw) {
		return nil, false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], true
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil || !wholeCharacters(raw) {
		return nil, false
	}
	return []byte(s), true
}

// wholeCharacters reports whether every \u escape of a JSON string, alone or with the escape after it, is a character
// other than NUL. The caller has checked the string's grammar.
func wholeCharacters(raw []byte) bool {
	for {
		at := bytes.IndexByte(raw, '\\')
		if at < 0 {
			return true
		}
		if raw[at+1] != 'u' {
			raw = raw[at+2:]
			continue
		}
		r := escaped(raw[at:])
		raw = raw[at+6:]
		switch {
		case r == 0:
			return false
		case utf16.IsSurrogate(r):
			if !bytes.HasPrefix(raw, []byte(`\u`)) || utf16.DecodeRune(r, escaped(raw)) == unicode.ReplacementChar {
				return false
			}
			raw = raw[6:]
		}
	}
}

// escaped parses the \uXXXX at the beginning of b.
func escaped(b []byte) rune {
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// squeeze replaces every run of white space, including line breaks and no-break spaces, with one space.
func squeeze(text []byte) []byte {
	if squeezed(text) {
		return text
	}
	return bytes.Join(bytes.FieldsFunc(text, unicode.IsSpace), []byte(" "))
}

// squeezed reports whether a trimmed text has no white space but single spaces. It may return false for a text that has
// none.
func squeezed(text []byte) bool {
	space := false
	for _, c := range text {
		switch {
		case c > ' ' && c < utf8.RuneSelf:
			space = false
		case c == ' ' && !space:
			space = true
		case c > 0xC2 && c != 0xE1 && c != 0xE2 && c != 0xE3, c >= utf8.RuneSelf && c < 0xC0:
			// Unicode white space begins with one of the bytes excluded here. Its second bytes look like those of other
			// characters.
			space = false
		default:
			return false
		}
	}
	return true
}

// padLeft adds leading zeros to a numeral until it has width digits: "1" becomes "01". It returns other text unchanged;
// the pattern checks it.
func padLeft(text []byte, width int) []byte {
	if len(text) >= width || !allDigits(text) {
		return text
	}
	padded := bytes.Repeat([]byte{'0'}, width)
	copy(padded[width-len(text):], text)
	return padded
}
