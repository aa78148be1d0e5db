/* What the shop's team answered on normal days, by language and by what was said. */
export default {
    de: {
        single: [
            'Das tut uns leid. Wir haben Ihnen gerade eine private Nachricht geschickt und kümmern uns darum. ^JK',
            'Danke für den Hinweis, das darf nicht passieren. Ersatz geht heute noch raus. ^MW',
            'Tut uns leid für den Ärger. Der Betrag ist zurückgebucht, es dauert zwei bis drei Tage. ^JK',
            'Wir haben beim Paketdienst nachgefragt und melden uns morgen bei Ihnen. ^MW',
        ],
        question: ['Gern: Das steht auf der Produktseite ganz unten. Sonst einfach noch einmal fragen. ^MW', 'Ja, das geht, am besten bis Freitag bestellen. ^JK', 'Wir haben Ihnen dazu geschrieben. Einen schönen Tag! ^JK'],
        advert: ['Danke, kein Interesse. ^MW'],
        other: ['Danke, das freut uns sehr. Grüße aus Trier! ^MW', 'Vielen Dank, wir geben es an das Team weiter. ^JK'],
    },
    en: {
        single: [
            'Sorry about that. We have sent you a private message and will sort it out. ^JK',
            'Thank you for telling us, that should not happen. A replacement leaves today. ^MW',
            'Sorry for the trouble. The amount is on its way back, it takes two or three days. ^JK',
            'We have asked the carrier and will come back to you tomorrow. ^MW',
        ],
        question: ['Happy to help: you find it at the bottom of the product page. Just ask again if not. ^MW', 'Yes, that works, best order before Friday. ^JK', 'We have written to you about it. Have a good day! ^JK'],
        advert: ['No, thank you. ^MW'],
        other: ['Thank you, that makes our day. Greetings from Trier! ^MW', 'Many thanks, we pass it on to the team. ^JK'],
    },
    fr: {
        single: [
            'Nous sommes désolés. Nous vous avons écrit en privé et nous nous en occupons. ^JK',
            'Merci de nous prévenir, cela ne doit pas arriver. Un remplacement part aujourd’hui. ^MW',
            'Désolés pour ce souci. Le montant vous est remboursé, comptez deux à trois jours. ^JK',
            'Nous avons interrogé le transporteur et revenons vers vous demain. ^MW',
        ],
        question: ['Avec plaisir : c’est tout en bas de la page du produit. Sinon, redemandez-nous. ^MW', 'Oui, c’est possible, commandez de préférence avant vendredi. ^JK', 'Nous vous avons écrit à ce sujet. Bonne journée ! ^JK'],
        advert: ['Merci, cela ne nous intéresse pas. ^MW'],
        other: ['Merci, cela nous fait très plaisir. Bonjour de Trèves ! ^MW', 'Merci beaucoup, nous le transmettons à l’équipe. ^JK'],
    },
    lb: {
        single: [
            'Dat deet eis leed. Mir hunn Iech eng privat Noriicht geschéckt a këmmeren eis drëm. ^JK',
            'Merci fir den Hiweis, dat däerf net virkommen. Den Ersatz geet haut nach eraus. ^MW',
            'Entschëllegt w.e.g. D’Suen sinn um Wee zréck, dat dauert zwee bis dräi Deeg. ^JK',
            'Mir hunn de Liwwerdéngscht gefrot a mellen eis muer bei Iech. ^MW',
        ],
        question: ['Gär: Dat steet ganz ënnen op der Produktsäit. Soss frot eis einfach nach eng Kéier. ^MW', 'Jo, dat geet, am beschten bis e Freideg bestellen. ^JK', 'Mir hunn Iech dozou geschriwwen. E schéinen Dag! ^JK'],
        advert: ['Merci, keen Interessi. ^MW'],
        other: ['Merci, dat freet eis ganz vill. Bonjour aus Tréier! ^MW', 'Villmools Merci, mir ginn et un d’Equipe weider. ^JK'],
    },
}
