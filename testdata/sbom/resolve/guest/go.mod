module example.org/guest

go 1.21

require (
	example.org/lib v1.0.0
	example.org/lib-test v1.0.0
	example.org/lib-windows v1.0.0
)

replace example.org/lib => ./lib

replace example.org/lib-test => ./lib-test

replace example.org/lib-windows => ./lib-windows
