/* What is left of HTML as text: statuses, mails, and what only looks like either. */
#include "collectors/html.h"

#include <string.h>

typedef struct Case {
    const char *html, *text;
    HtmlFlags flags;
} Case;

static const Case statuses[] = {
    {"<p>Login geht seit 9 Uhr nicht &amp; die App stürzt ab</p>",
     "Login geht seit 9 Uhr nicht & die App stürzt ab"},
    {"<p><span class=\"h-card\"><a href=\"https://acme.example/@help\" class=\"u-url mention\">@"
     "<span>help</span></a></span> hi</p>",
     "@help hi", HTML_LINKS},
    {"<p>one</p><p>two<br>three<br />four</p>", "one\n\ntwo\nthree\nfour"},
    {"<p>see <a href=\"https://acme.example/status/7\" rel=\"nofollow\"><span class=\"invisible\">"
     "https://</span><span class=\"ellipsis\">acme.example/sta</span><span "
     "class=\"invisible\">tus/7"
     "</span></a>.</p>",
     "see https://acme.example/status/7.", HTML_LINKS},
    {"<a href=\"https://acme.example/tags/down\" class=\"hashtag\">#<span>down</span></a>", "#down",
     HTML_LINKS},
    {"<a href=\"https://acme.example/a/b\">acme.example/a…</a>!", "https://acme.example/a/b!",
     HTML_LINKS},
    {"<a href=\"https://www.acme.example/\">acme.example</a>", "acme.example", HTML_LINKS},
    {"<a href=\"https://evil.example/\">acme.example</a>", "acme.example (https://evil.example/)",
     HTML_LINKS},
    {"<a href=\"https://evil.example/\">@help</a>", "@help", HTML_LINKS},
    {"<a href=\"https://evil.example/\">@help me out</a>", "@help me out (https://evil.example/)",
     HTML_LINKS},
    {"<a href=\"https://acme.example/x\">here</a> and <a href=\"/rel\">there</a>",
     "here (https://acme.example/x) and there", HTML_LINKS},
    {"<a href=\"https://acme.example/x\">here</a>", "here"},
    {"<a href='https://a.example/?a=1&copy=2&amp;b=3'>x</a>",
     "x (https://a.example/?a=1&copy=2&b=3)", HTML_LINKS},
    {"<a href=\"https://acme.example/x\"></a>y", "y", HTML_LINKS},
    {"<a href=\"mailto:help@acme.example\">help@acme.example</a> "
     "<a href=mailto:help@acme.example>us</a> <a href=\"tel:+49301\">+49301</a>",
     "help@acme.example us (help@acme.example) +49301", HTML_LINKS},
    {"<a href=\"https://one.example\">one<a href=\"https://two.example\">two",
     "one (https://one.example)two (https://two.example)", HTML_LINKS},
    {"a:coffee: <3 &lt;3 1 < 2 > 0 a<b", "a:coffee: <3 <3 1 < 2 > 0 a"},
    {"", ""},
    {"   \n\t ", ""},
    {"plain", "plain"},
    {0},
};

static const Case mails[] = {
    {"<html><head><title>No</title><style>p { color: red } </style></head><body>\r\n"
     "<p>Guten  Tag,\r\n\r\n "
     "wie\tgeht&nbsp;&nbsp;es?</p>\r\n<p>&nbsp;</p><p>Jana</p></body></html>",
     "Guten Tag, wie geht es?\n\nJana"},
    {"<div>a</div><div><br></div><div>b</div><div><br><br><br><br></div>c", "a\n\nb\n\nc"},
    {"<!-- no --><!--[if mso]><p>no</p><![endif]-->a<!---->b<!-->c<!--->d<![if !mso]>e<?xml "
     "x?>f</>g",
     "abcdefg"},
    {"<ul><li>one</li><li>two<ul><li>in</ul></ul>x<ol><li><li>y</ol>",
     "- one\n- two\n- in\n\nx\n\n- y"},
    {"<table><tr><td>Nr.</td><td>4711</td></tr><tr><th>Sum</th><td>9 €</td></tr></table>end",
     "Nr. 4711\nSum 9 €\nend"},
    {"<pre>\n  a  b\n\n\n c\n</pre>d", "a  b\n\n c\n\nd"},
    {"<div style=\"DISPLAY : none; max-height:0\">pre<div>header</div></div>Text", "Text"},
    {"<span hidden>x</span>a<p style='mso-hide:all'>no<p>b", "a\n\nb"},
    {"<div style='display:none'>never closed", "never closed"},
    {"<div style='display:block'>shown</div>", "shown"},
    {"a&#847;&zwnj;&#8203;\xc2\xad"
     "b\xef\xbb\xbf",
     "a\xe2\x80\x8c"
     "b"},
    {"<img src=https://t.example/open.gif alt=\"Logo\">a <img alt='😀'> <img alt=\"&#128512;\"/>b",
     "a 😀 😀b"},
    {"<svg><title>x</title><text>y</text></svg>a<svg/>b<select><option>1</select>c", "abc"},
    {"<script>if (a < b) document.write('<p>no</p>')</script>a<SCRIPT SRC=x></SCRIPT >b", "ab"},
    {"<script>no</scripty></script>a<style>no", "a"},
    {"<title/>still here<script/>a</script>", "still herea"},
    {"<textarea><p>no</textarea>a<iframe src=x><p>no</iframe>b<noscript>c</noscript>", "abc"},
    {"a<b title=\"x>y\" data='>' c=>d</b>e", "ade"},
    {"<p title='", ""},
    {"a<p title=\"never closed>b", "a"},
    {"a<p", "a"},
    {"a</p", "a"},
    {"a<", "a<"},
    {"a</", "a</"},
    {"a<!", "a"},
    {"a<!-- b", "a"},
    {"a<averyveryveryverylongelementname x=y>b", "ab"},
    {"<BR>a<bR/>b</br>c", "a\nb\nc"},
    {0},
};

static const Case characters[] = {
    {"&auml;&Auml;&euro;&hellip;&rarr;&apos;&quot;&nbsp;x", "äÄ€…→'\" x"},
    {"&amp;lt;b&amp;gt;", "&lt;b&gt;"},
    {"&auml b &ampx &euro b &copy2", "ä b &x &euro b ©2"},
    {"&nosuch; & &; &# &#; &#x; &&", "&nosuch; & &; &# &#; &#x; &&"},
    {"&#65;&#x42;&#X43&#128512;", "ABC😀"},
    {"&#150;&#x80;&#129;", "–€\xef\xbf\xbd"},
    {"&#0;&#xd800;&#x110000;&#99999999999999999999;",
     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"a&#1;b&#27;[31mc&#127;d\x01\x1b"
     "e&#x9b;f&#10;g",
     "ab[31mcde›f g"},
    {"&zwnj;&Zcaron;&AMP;&yuml;&zeta;&AElig;&a;", "\xe2\x80\x8cŽ&ÿζÆ&a;"},
    {"x\xff\xc3y", "x\xef\xbf\xbd\xef\xbf\xbdy"},
    {"&#60;script>alert(1)&#60;/script>", "<script>alert(1)</script>"},
    {0},
};

static const Case quotes[] = {
    {"yes<blockquote><p>a</p><p>b</p></blockquote>no", "yes\n\n> a\n> \n> b\n\nno", HTML_QUOTES},
    {"<blockquote>a<blockquote>b</blockquote>c</blockquote>", "> a\n> \n> > b\n> \n> c",
     HTML_QUOTES},
    {"<blockquote>a</blockquote></blockquote>b", "a\n\nb"},
    {"</blockquote>b<blockquote>c", "b\n\n> c", HTML_QUOTES},
    {0},
};

static void test_table(gconstpointer data)
{
    const Case *cases = data;
    for (const Case *one = cases; one->html; one++) {
        g_autofree char *text = html_to_text(one->html, -1, one->flags, NULL);
        g_autofree char *shown = g_strescape(one->html, NULL);
        g_test_message("%s", shown);
        g_assert_cmpstr(text, ==, one->text);
        /* Cut anywhere it is read to its end, within its bytes, and stays UTF-8. */
        for (gsize size = 0; size < strlen(one->html); size++) {
            g_autofree char *part = g_memdup2(one->html, size);
            g_autofree char *cut = html_to_text(part ? part : "", (gssize)size, one->flags, NULL);
            g_assert_true(g_utf8_validate(cut, -1, NULL));
        }
    }
}

static const struct {
    const char *html;
    const char *fresh, *history; /* NULL: none is marked */
} replies[] = {
    {"<div>New words</div><br><div class=\"gmail_quote gmail_quote_container\"><div dir=ltr>On "
     "Monday"
     " X wrote:<br></div><blockquote>old</blockquote></div>",
     "New words", "On Monday X wrote:\n\n> old"},
    {"<p>New</p><div id=\"x_divRplyFwdMsg\"><b>From:</b> a</div>old", "New", "From: a\nold"},
    {"New<div id=appendonsend></div><hr>old", "New", "old"},
    {"New<br><BLOCKQUOTE TYPE=\"CITE\">old</BLOCKQUOTE>", "New", "> old"},
    {"<div class=\"moz-cite-prefix\">Am Montag:</div><blockquote type=cite>old</blockquote>new", "",
     "Am Montag:\n\n> old\n\nnew"},
    {"<p class=gmail_quote>mine</p><blockquote>not marked</blockquote>", NULL, NULL},
    {"plain", NULL, NULL},
};

static void test_replies(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(replies); i++) {
        gssize at = 77;
        g_autofree char *text = html_to_text(replies[i].html, -1, HTML_QUOTES, &at);
        g_test_message("%s", text);
        if (!replies[i].fresh) {
            g_assert_cmpint(at, ==, -1);
            continue;
        }
        g_assert_cmpint(at, >=, 0);
        g_autofree char *fresh = g_strndup(text, (gsize)at);
        g_assert_cmpstr(g_strstrip(fresh), ==, replies[i].fresh);
        g_assert_cmpstr(g_strchug(text + at), ==, replies[i].history);
    }
}

/* Many times the same thing that makes parsers slow: each in time that grows with its size only. */
static const char *const repeated[] = {
    "<b>",       "</i>",         "<a href=x>", "<!--",
    "<",         "</",           "&",          "&ampersandampersandampersand",
    "<title>",   "<script>",     "<p x='",     "<div style='display:none'>",
    "<svg>",     "<blockquote>", "<pre> \n",   "<li>",
    "<a b c d",  "<!--->",       "&#x110000",  "<p style='",
    "</script ",
};

static void test_size(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(repeated); i++) {
        GString *large = g_string_new(NULL);
        while (large->len < 2000000)
            g_string_append(large, repeated[i]);
        gint64 start = g_get_monotonic_time();
        g_autofree char *text =
            html_to_text(large->str, (gssize)large->len, HTML_LINKS | HTML_QUOTES, NULL);
        double seconds = (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
        g_test_message("%s: %.3f s, %zu bytes", repeated[i], seconds, strlen(text));
        g_assert_cmpfloat(seconds, <, 20);
        g_assert_cmpuint(strlen(text), <=, 3 * large->len);
        g_string_free(large, TRUE);
    }
}

/* Markup at random: it ends, in bounds, as UTF-8 and without what a terminal would act on. */
static void test_random(void)
{
    static const char *const parts[] = {
        "<",
        ">",
        "</",
        "&",
        "#",
        "x",
        ";",
        "\"",
        "'",
        "=",
        " ",
        "\n",
        "p",
        "a href",
        "script",
        "style",
        "!--",
        "-->",
        "<p>",
        "</p>",
        "<br>",
        "<pre>",
        "<li>",
        "<td>",
        "<div>",
        "<svg",
        "/",
        "&lt;",
        "&#27;",
        "\xff",
        "ü",
        "😀",
        "\x1b",
        "http://a.example/",
        "<blockquote>",
        "display:none",
        "hidden",
        "</a>",
        "@x",
        "</blockquote>",
    };
    for (int round = 0; round < 20000; round++) {
        g_autoptr(GString) html = g_string_new(NULL);
        for (int i = g_test_rand_int_range(0, 30); i > 0; i--)
            g_string_append(html, parts[g_test_rand_int_range(0, G_N_ELEMENTS(parts))]);
        gssize at;
        g_autofree char *copy = g_memdup2(html->str, html->len);
        g_autofree char *text = html_to_text(copy ? copy : "", (gssize)html->len,
                                             (HtmlFlags)g_test_rand_int_range(0, 4), &at);
        g_assert_true(g_utf8_validate(text, -1, NULL));
        g_assert_cmpint(at, >=, -1);
        g_assert_cmpint(at, <=, (gssize)strlen(text));
        for (const char *c = text; *c; c++)
            g_assert_true((unsigned char)*c >= 0x20 || *c == '\n' || *c == '\t');
        g_assert_null(strstr(text, "\n\n\n"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/html/statuses", statuses, test_table);
    g_test_add_data_func("/html/mails", mails, test_table);
    g_test_add_data_func("/html/characters", characters, test_table);
    g_test_add_data_func("/html/quotes", quotes, test_table);
    g_test_add_func("/html/replies", test_replies);
    g_test_add_func("/html/size", test_size);
    g_test_add_func("/html/random", test_random);
    return g_test_run();
}
