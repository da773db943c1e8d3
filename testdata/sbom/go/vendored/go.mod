module example.org/app

go 1.26.0

require example.org/used v1.0.0

require example.org/unused v1.0.0 // indirect
