package document

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// YAML writes a document of Objects, lists and scalars as YAML.
func YAML(o Object) ([]byte, error) {
	var b bytes.Buffer
	if err := writeObject(&b, o, 0); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writeObject(b *bytes.Buffer, o Object, indent int) error {
	for _, m := range o {
		fmt.Fprintf(b, "%s%s:", strings.Repeat(" ", indent), scalar(m.Name))
		if err := writeValue(b, m.Value, indent); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	return nil
}

// writeValue writes what follows a colon.
func writeValue(b *bytes.Buffer, value any, indent int) error {
	switch v := value.(type) {
	case Object:
		if len(v) == 0 {
			b.WriteString(" {}\n")
			return nil
		}
		b.WriteByte('\n')
		return writeObject(b, v, indent+2)
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return writeValue(b, list, indent)
	case []any:
		if len(v) == 0 {
			b.WriteString(" []\n")
			return nil
		}
		b.WriteByte('\n')
		for _, item := range v {
			if err := writeItem(b, item, indent+2); err != nil {
				return err
			}
		}
		return nil
	case string:
		fmt.Fprintf(b, " %s\n", scalar(v))
	case bool, int:
		fmt.Fprintf(b, " %v\n", v)
	default:
		return fmt.Errorf("cannot write %T as YAML", value)
	}
	return nil
}

// writeItem writes an element of a list: the dash stands in the place of the first member's indentation.
func writeItem(b *bytes.Buffer, item any, indent int) error {
	o, ok := item.(Object)
	if !ok || len(o) == 0 {
		b.WriteString(strings.Repeat(" ", indent) + "-")
		return writeValue(b, item, indent)
	}
	var inner bytes.Buffer
	if err := writeObject(&inner, o, indent+2); err != nil {
		return err
	}
	b.WriteString(strings.Repeat(" ", indent) + "- ")
	b.Write(inner.Bytes()[indent+2:])
	return nil
}

// plainScalar is text that YAML takes for nothing but text.
var plainScalar = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9 _./()-]*[A-Za-z0-9_./)]$|^[A-Za-z]$`)

func scalar(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
	default:
		if plainScalar.MatchString(s) {
			return s
		}
	}
	quoted, err := encode(s) // JSON strings are YAML strings
	if err != nil {
		return `""`
	}
	return string(quoted)
}
