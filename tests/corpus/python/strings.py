'a', "b", '''c''', """d"""
'it''s', "say \"no\"", 'don\'t'
r'\n', R"\'", rb'\x', Rb"a", bR'b', u'u', U"v", b'\x00\xff\101'
'\a\b\f\n\r\t\v\\\'\"\0\12\101\x41\u00e9\U0001F600\q\
end'
"""three
"quoted" ""lines
"""
'''a''b'''
("adjacent" 'ones'
 """are""" r"\one")
b"a" b'b'
'\ud83d\ude00 \ud800'
"ünïcödé ☃ 日本"
''
""""four quotes begin"""
