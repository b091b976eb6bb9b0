package runtime

import (
	"fmt"
	"reflect"
)

// Constructor makes a service's handler from the ports that the service asks for.
type Constructor struct {
	ports reflect.Type
	build func(Ports) Handler
}

// Construct returns the constructor of a service. P is a struct of the ports that the service asks for: each of its fields has
// the name and the type of a field of Ports. The handler receives only these ports, so it cannot use a port that it does not
// declare. Production and tests construct services in the same way.
func Construct[P any](handler func(P) Handler) Constructor {
	return Constructor{ports: reflect.TypeFor[P](), build: func(all Ports) Handler {
		var p P
		to, from := reflect.ValueOf(&p).Elem(), reflect.ValueOf(all)
		for i := range to.NumField() {
			to.Field(i).Set(from.FieldByName(to.Type().Field(i).Name))
		}
		return handler(p)
	}}
}

// Handler makes the handler from the ports that the service asks for.
func (c Constructor) Handler(p Ports) Handler { return c.build(p) }

// check lists the fields of the service's struct that are not ports.
func (c Constructor) check() []string {
	if c.build == nil || c.ports.Kind() != reflect.Struct {
		return []string{"no handler: set New to runtime.Construct(f), where f takes a struct of ports"}
	}
	var problems []string
	all := reflect.TypeFor[Ports]()
	for i := range c.ports.NumField() {
		field := c.ports.Field(i)
		if port, ok := all.FieldByName(field.Name); !ok || port.Type != field.Type {
			problems = append(problems, fmt.Sprintf("port %s %s: the runtime has no such port; see runtime.Ports", field.Name, field.Type))
		}
	}
	return problems
}

// The ports on which settings, metrics or permissions in Terraform depend.
const (
	PortPortal         = "Portal"
	PortCatalogue      = "Catalogue"
	PortMemory         = "Memory"
	PortTemporary      = "Temporary"
	PortAllowSimulated = "AllowSimulated"
)

// Needs reports whether the service asks for the port with this name, which is a field of Ports.
func (s Service) Needs(port string) bool {
	if s.New.ports == nil {
		return false
	}
	_, ok := s.New.ports.FieldByName(port)
	return ok
}
