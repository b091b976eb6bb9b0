package engine

import (
	"bytes"
	"encoding/json"
	"unicode"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/contract"
)

// text reads the raw JSON of a source value as the text the contract speaks of: a string without quotes and escapes,
// any other single value as written. Nested values are texts only for JSON columns, which keep them as they are.
func (c *column) text(raw []byte) (text []byte, null bool, bad *rejection) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0, bytes.Equal(raw, []byte("null")):
		return nil, true, nil
	case c.field.Type == contract.JSON:
		if !utf8.Valid(raw) {
			return nil, false, c.reject(BadText, "want UTF-8")
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
			return nil, false, c.reject(BadText, "want a JSON string in UTF-8")
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

// unquote decodes a JSON string. Without escapes it answers a part of raw, without copying.
func unquote(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[len(raw)-1] != '"' || !utf8.Valid(raw) {
		return nil, false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], true
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, false
	}
	return []byte(s), true
}

// squeeze folds every run of white space, line breaks and no-break spaces included, to one space.
func squeeze(text []byte) []byte {
	clean, space := true, false
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if unicode.IsSpace(r) {
			if space || r != ' ' {
				clean = false
				break
			}
			space = true
		} else {
			space = false
		}
		i += n
	}
	if clean {
		return text
	}
	return bytes.Join(bytes.FieldsFunc(text, unicode.IsSpace), []byte(" "))
}

// padLeft writes zeros before a numeral until it has width digits: "1" becomes "01". Other text stays as it is, for the
// pattern to judge.
func padLeft(text []byte, width int) []byte {
	if len(text) >= width || !allDigits(text) {
		return text
	}
	padded := bytes.Repeat([]byte{'0'}, width)
	copy(padded[width-len(text):], text)
	return padded
}
